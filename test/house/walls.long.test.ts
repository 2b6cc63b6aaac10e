import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../..')
const config = join(root, '.dependency-cruiser.cjs')
const rooms = ['config', 'domain', 'plugins', 'routes', 'test']

interface Report {
  readonly modules: readonly { readonly source: string }[]
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly to: string; readonly rule: { readonly name: string } }[]
  }
}

/** Runs a tool as it runs by itself: the test runner would load itself into every Node that is started, and ask for colours. */
const run = (bin: string, args: readonly string[], directory: string): string =>
  spawnSync('env', ['-u', 'NODE_OPTIONS', '-u', 'FORCE_COLOR', process.execPath, join(root, 'node_modules', bin), ...args], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  }).stdout

const cruise = (directory: string): Report => {
  const args = ['--config', config, '--output-type', 'json', ...rooms]
  return JSON.parse(run('dependency-cruiser/bin/dependency-cruiser.mjs', args, directory)) as Report
}

/** For each wall, a file that breaks it and what that file imports. */
const broken: Record<string, readonly [file: string, imported: string][]> = {
  'config-is-a-leaf': [['config/bad.ts', '../domain/shared/ids.ts']],
  'domain-is-pure': [['domain/one/pure.ts', '../../config/env.ts']],
  'domain-no-packages': [['domain/one/package.ts', 'pg']],
  'entities-import-the-mapper-only': [['domain/one/thing.entity.ts', 'pg']],
  'domain-no-io': [
    ['domain/one/io.ts', 'node:fs'],
    ['domain/one/network.ts', 'node:http'],
  ],
  'domain-contexts-are-strangers': [['domain/one/stranger.ts', '../two/index.ts']],
  'shared-knows-no-context': [
    ['domain/shared/knows.ts', '../one/index.ts'],
    ['routes/shared/knows.ts', '../one/index.ts'],
  ],
  'routes-do-no-wiring': [['routes/one/wiring.ts', '../../plugins/host/thing.ts']],
  'routes-see-only-their-own-domain': [['routes/one/other-domain.ts', '../../domain/two/index.ts']],
  'routes-through-the-front-door': [['routes/one/inside.ts', '../../domain/one/one.ts']],
  'routes-are-strangers': [['routes/one/stranger.ts', '../two/index.ts']],
  'routes-no-io': [['routes/one/io.ts', 'node:net']],
  'routes-packages': [['routes/one/package.ts', 'pg']],
  'contexts-are-strangers': [
    ['plugins/contexts/one/stranger.ts', '../two/index.ts'],
    ['plugins/contexts/one/other-domain.ts', '../../../domain/two/index.ts'],
    ['plugins/contexts/one/other-routes.ts', '../../../routes/two/index.ts'],
  ],
  'contexts-use-the-contract-not-the-host': [
    ['plugins/contexts/one/host.ts', '../../host/thing.ts'],
    ['plugins/contexts/one/root.ts', '../../app.ts'],
  ],
  'contexts-are-told-not-configured': [['plugins/contexts/one/configured.ts', '../../../config/env.ts']],
  'contexts-no-io': [
    ['plugins/contexts/one/network.ts', 'node:https'],
    ['plugins/contexts/one/process.ts', 'node:child_process'],
  ],
  'contexts-packages': [['plugins/contexts/one/driver.ts', 'pg']],
  'migrations-import-the-migrator-only': [['plugins/contexts/one/one.migrations.ts', 'pg']],
  'host-knows-no-context': [
    ['plugins/host/context.ts', '../contexts/one/index.ts'],
    ['plugins/host/routes.ts', '../../routes/one/index.ts'],
    ['plugins/host/domain.ts', '../../domain/one/index.ts'],
  ],
  'host-is-wired-from-above': [['plugins/host/root.ts', '../app.ts']],
  'development-stays-apart': [['plugins/host/development.ts', '../dev/issuer.ts']],
  'development-is-wired-from-above': [['plugins/dev/root.ts', '../app.ts']],
  'nobody-imports-an-entry': [['plugins/cli/entry.ts', '../server.ts']],
  'nobody-imports-a-command': [['plugins/host/command.ts', '../cli/command.ts']],
  'nobody-imports-tests': [['plugins/host/test.ts', '../../test/helper.ts']],
  'no-development-packages': [['plugins/host/dev-package.ts', 'tap']],
  'no-unlisted-packages': [['plugins/host/unlisted.ts', 'unlisted']],
  'no-cycles': [['plugins/host/cycle.ts', './cycle-too.ts']],
  'no-orphans': [['plugins/host/orphan.ts', '']],
  resolvable: [['plugins/host/nowhere.ts', './nowhere-at-all.ts']],
}

/** What the broken files lead to, and neighbours that break nothing. */
const standing: Record<string, string> = {
  'config/env.ts': '',
  'config/limits.ts': `import '../config/env.ts'`,
  'domain/shared/ids.ts': '',
  'domain/one/index.ts': `import './one.ts'`,
  'domain/one/one.ts': `import '../shared/ids.ts'`,
  'domain/one/fine.entity.ts': `import '@mikro-orm/core'`,
  'domain/two/index.ts': `import '../shared/ids.ts'`,
  'routes/shared/problems.ts': `import '../../domain/shared/ids.ts'`,
  'routes/one/index.ts': `import '../shared/problems.ts'\nimport '../../domain/one/index.ts'\nimport '@sinclair/typebox'`,
  'routes/two/index.ts': `import '../../domain/two/index.ts'`,
  'plugins/host/thing.ts': `import '../../config/env.ts'\nimport 'pg'`,
  'plugins/host/define-context.ts': `import './thing.ts'`,
  'plugins/host/cycle-too.ts': `import './cycle.ts'`,
  'plugins/contexts/one/index.ts': `import '../../host/define-context.ts'\nimport '../../../routes/one/index.ts'\nimport '../../../domain/one/index.ts'\nimport './fine.migrations.ts'`,
  'plugins/contexts/one/fine.migrations.ts': `import '@mikro-orm/migrations'`,
  'plugins/contexts/two/index.ts': `import '../../host/define-context.ts'`,
  'plugins/dev/issuer.ts': `import '../host/thing.ts'`,
  'plugins/cli/command.ts': `import '../host/thing.ts'`,
  'plugins/app.ts': `import './contexts/one/index.ts'\nimport './dev/issuer.ts'\nimport './host/thing.ts'`,
  'plugins/server.ts': `import './app.ts'`,
  'test/helper.ts': `import '../plugins/app.ts'`,
}

const plant = (directory: string): void => {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  for (const [path, text] of Object.entries(standing)) write(path, `${text}\nexport const standing = true\n`)
  for (const [path, imported] of Object.values(broken).flat()) {
    write(path, `${imported ? `import type {} from '${imported}'\nimport '${imported}'\n` : ''}export const broken = true\n`)
    // Somebody uses it, so that it breaks one wall and not also the one against orphans.
    if (imported) write(`test/use/${path.replaceAll('/', '-')}`, `import '../../${path}'\nexport const used = true\n`)
  }
  const packages = { pg: 1, '@mikro-orm/core': 1, '@mikro-orm/migrations': 1, '@sinclair/typebox': 1 }
  for (const name of [...Object.keys(packages), 'tap', 'unlisted']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    write(`node_modules/${name}/index.js`, '')
  }
  write('package.json', JSON.stringify({ name: 'planted', type: 'module', dependencies: packages, devDependencies: { tap: '1' } }))
  cpSync(join(root, 'tsconfig.json'), join(directory, 'tsconfig.json'))
}

t.test('the house stands', async (t) => {
  const { modules, summary } = cruise(root)
  t.same(
    summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    [],
  )
  for (const room of rooms) {
    const files = modules.filter(({ source }) => source.startsWith(`${room}/`)).length
    t.ok(files >= 5, `${files} modules of ${room} were looked at`)
  }
  t.ok(modules.filter(({ source }) => source.endsWith('.ts')).length > 150, 'and the whole of it')
})

t.test('each wall, broken on purpose, is caught', async (t) => {
  const directory = t.testdir({})
  plant(directory)
  const { violations } = cruise(directory).summary
  for (const [wall, files] of Object.entries(broken)) {
    for (const [file, imported] of files) {
      t.ok(
        violations.some(
          ({ rule, from }) => rule.name === wall && (from === file || (wall === 'no-cycles' && from === 'plugins/host/cycle-too.ts')),
        ),
        `${wall}: ${file} -> ${imported}`,
      )
    }
  }
  const blamed = new Set(violations.map(({ from }) => from))
  const guilty = new Set(Object.values(broken).flatMap((files) => files.map(([file]) => file)))
  t.same(
    [...blamed].filter((file) => !guilty.has(file) && file !== 'plugins/host/cycle-too.ts'),
    [],
    'nobody else is blamed',
  )
  const declared = (createRequire(import.meta.url)(config) as { forbidden: { name: string }[] }).forbidden.map(({ name }) => name)
  t.same(Object.keys(broken).sort(), declared.sort(), 'every wall was broken')
})

t.test('what must not be written anywhere, written on purpose, is caught', async (t) => {
  const written: Record<string, readonly [file: string, text: string]> = {
    'no-process-env': ['plugins/host/env.ts', `export const port = process.env['PORT']\n`],
    'no-console': ['plugins/host/print.ts', `console.log('x')\n`],
    'no-restricted-properties': ['plugins/host/pool.ts', `export const leave = (em: { getConnection(): unknown }) => em.getConnection()\n`],
    'no-restricted-globals': ['plugins/contexts/one/call.ts', `export const call = () => fetch('http://127.0.0.1')\n`],
    'no-explicit-any': ['plugins/host/any.ts', `export const anything: any = 1\n`],
    'ban-ts-comment': ['plugins/host/ignore.ts', `// @ts-ignore\nexport const wrong: string = 1\n`],
    'no-eval': ['domain/one/eval.ts', `export const run = (text: string): unknown => eval(text)\n`],
  }
  const allowed: Record<string, string> = {
    'config/env.ts': `export const port = process.env['PORT']\n`,
    'plugins/host/call.ts': `export const call = () => fetch('http://127.0.0.1')\n`,
    'test/one.test.ts': `console.log(process.env['PATH'])\n`,
  }
  // Not below the checkout, whose ignored folders the linter leaves out.
  const directory = mkdtempSync(join(tmpdir(), 'postern-lint-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const [file, text] of [...Object.values(written), ...Object.entries(allowed)]) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), text)
  }
  cpSync(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'))
  const args = ['-c', '.oxlintrc.json', '--no-ignore', '--format', 'unix', ...rooms.filter((room) => room !== 'routes')]
  const lines = run('oxlint/bin/oxlint', args, directory).split('\n')
  for (const [rule, [file]] of Object.entries(written)) {
    t.ok(
      lines.some((line) => line.startsWith(`${file}:`) && line.includes(`(${rule})`)),
      `${rule}: ${file}`,
    )
  }
  for (const file of Object.keys(allowed))
    t.notOk(
      lines.some((line) => line.startsWith(`${file}:`)),
      `${file} may`,
    )
})
