'use strict'
// The walls of the house: which room may import which. `npm run lint` holds them; test/house/walls.long.test.ts breaks each one
// on purpose and sees it caught. The comment of a rule says what to do instead.

const npm = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown']
const rooms = (...names) => `^(${names.join('|')})/`
const packages = (...names) => `node_modules/(${names.join('|')})/`
const io = '^(node:)?(fs|fs/promises|http|http2|https|net|tls|dgram|dns|child_process|cluster|worker_threads|process)$'

const wall = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

module.exports = {
  forbidden: [
    wall(
      'config-is-a-leaf',
      'config/ says what we are told; it imports no other room.',
      { path: '^config/' },
      { path: rooms('domain', 'plugins', 'routes', 'test') },
    ),

    wall('domain-is-pure', 'domain/ imports only domain/.', { path: '^domain/' }, { path: rooms('config', 'plugins', 'routes', 'test') }),
    wall(
      'domain-no-packages',
      'Only *.entity.ts may import a package.',
      { path: '^domain/', pathNot: '[.]entity[.]ts$' },
      { dependencyTypes: npm },
    ),
    wall(
      'entities-import-the-mapper-only',
      'An entity maps; it does nothing else.',
      { path: '^domain/.+[.]entity[.]ts$' },
      { path: 'node_modules', pathNot: packages('@mikro-orm/core') },
    ),
    wall('domain-no-io', 'Ask for a port instead.', { path: '^domain/' }, { dependencyTypes: ['core'], path: io }),
    wall(
      'domain-contexts-are-strangers',
      'Talk through a host port, never by import.',
      { path: '^domain/([^/]+)/', pathNot: '^domain/shared/' },
      { path: '^domain/([^/]+)/', pathNot: '^domain/(shared|$1)/' },
    ),
    wall(
      'shared-knows-no-context',
      'What is shared must not depend on who shares it.',
      { path: '^(domain|routes)/shared/' },
      { path: '^(domain|routes)/(?!shared/)[^/]+/' },
    ),

    wall(
      'routes-do-no-wiring',
      'Take what you need as plugin options.',
      { path: '^routes/' },
      { path: rooms('config', 'plugins', 'test') },
    ),
    wall(
      'routes-see-only-their-own-domain',
      'Another context is a stranger.',
      { path: '^routes/([^/]+)/' },
      { path: '^domain/[^/]+/', pathNot: '^domain/(shared|$1)/' },
    ),
    wall(
      'routes-through-the-front-door',
      'Import domain/<context>/index.ts, not its insides.',
      { path: '^routes/' },
      { path: '^domain/(?!shared/)[^/]+/(?!index[.]ts$)' },
    ),
    wall(
      'routes-are-strangers',
      'Another context is a stranger.',
      { path: '^routes/([^/]+)/' },
      { path: '^routes/[^/]+/', pathNot: '^routes/(shared|$1)/' },
    ),
    wall('routes-no-io', 'A route says; a plugin does.', { path: '^routes/' }, { dependencyTypes: ['core'], path: io }),
    wall(
      'routes-packages',
      'Routes are schemas and declarations.',
      { path: '^routes/' },
      { path: 'node_modules', pathNot: packages('@sinclair/typebox', 'fastify', '@fastify/type-provider-typebox') },
    ),

    wall(
      'contexts-are-strangers',
      'Talk through a host port, never by import.',
      { path: '^plugins/contexts/([^/]+)/' },
      { path: '^(plugins/contexts|domain|routes)/[^/]+/', pathNot: '^(plugins/contexts|domain|routes)/(shared|$1)/' },
    ),
    wall(
      'contexts-use-the-contract-not-the-host',
      'Only plugins/host/define-context.ts; everything else is granted.',
      { path: '^plugins/contexts/' },
      { path: '^plugins/(?!contexts/)', pathNot: '^plugins/host/define-context[.]ts$' },
    ),
    wall(
      'contexts-are-told-not-configured',
      'What a context needs to know arrives with what it was granted.',
      { path: '^plugins/contexts/' },
      { path: rooms('config') },
    ),
    wall(
      'contexts-no-io',
      'No queue, mail, file or network but through a granted capability. MIG-03, 02B.',
      { path: '^plugins/contexts/' },
      { dependencyTypes: ['core'], path: io },
    ),
    wall(
      'contexts-packages',
      'No driver, queue, mail or network package: ask for a capability. MIG-03, 02B.',
      { path: '^plugins/contexts/', pathNot: '[.]migrations[.]ts$' },
      { path: 'node_modules', pathNot: packages('@sinclair/typebox', 'fastify', 'fastify-plugin', '@mikro-orm/core') },
    ),
    wall(
      'migrations-import-the-migrator-only',
      'A migration is SQL.',
      { path: '^plugins/contexts/.+[.]migrations[.]ts$' },
      { path: 'node_modules', pathNot: packages('@mikro-orm/migrations') },
    ),

    wall(
      'host-knows-no-context',
      'The host works from declarations.',
      { path: '^plugins/host/' },
      { path: '^(plugins/contexts/|routes/(?!shared/)[^/]+/|domain/(?!shared/)[^/]+/)' },
    ),
    wall(
      'host-is-wired-from-above',
      'plugins/*.ts, plugins/dev and plugins/cli use the host, not the other way round.',
      { path: '^plugins/(host|contexts)/' },
      { path: '^plugins/((dev|cli)/|[^/]+[.]ts$)' },
    ),
    wall(
      'development-stays-apart',
      'Only the composition root and the commands may reach for development defaults.',
      { path: '^(config|domain|routes|plugins/(host|contexts))/' },
      { path: '^plugins/dev/' },
    ),
    wall(
      'development-is-wired-from-above',
      'Development defaults are parts like any other.',
      { path: '^plugins/dev/' },
      { path: '^plugins/(cli/|[^/]+[.]ts$)' },
    ),
    wall(
      'nobody-imports-an-entry',
      'An entry runs when it is imported.',
      { pathNot: '^test/' },
      { path: '^plugins/(server|worker)[.]ts$' },
    ),
    wall(
      'nobody-imports-a-command',
      'Move what is shared into plugins/host.',
      { pathNot: '^(test|plugins/cli)/' },
      { path: '^plugins/cli/' },
    ),

    wall('nobody-imports-tests', 'Tests prove; nothing depends on them.', { pathNot: '^test/' }, { path: '^test/' }),
    wall(
      'no-development-packages',
      'It would be missing in production: make it a dependency.',
      { path: rooms('config', 'domain', 'plugins', 'routes') },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    ),
    wall('no-unlisted-packages', 'Add it to package.json, or do without.', {}, { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] }),
    wall('no-cycles', 'Move what both need below both.', {}, { circular: true }),
    wall(
      'no-orphans',
      'Nothing uses it: use it or remove it.',
      { orphan: true, pathNot: '([.]d[.](ts|mts)|[.]test[.]ts)$|^(test|plugins/cli)/' },
      {},
    ),
    // Of a package of types alone there is nothing that could be resolved.
    wall('resolvable', 'The path leads nowhere.', {}, { couldNotResolve: true, pathNot: '^@medplum/fhirtypes$' }),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
