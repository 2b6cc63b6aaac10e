import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const rooms = ['config', 'domain', 'plugins', 'routes', 'test']
const files = globSync(
  rooms.map((room) => `${room}/**/*`),
  { cwd: root, withFileTypes: true },
)
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))

interface Manifest {
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
}
interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Record<string, string>
}
const manifest = JSON.parse(read('package.json')) as Manifest
const locked = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked & Partial<Manifest>> }).packages

t.test('the rooms are the rooms', async (t) => {
  const ignored =
    spawnSync('git', ['ls-files', '--others', '--ignored', '--exclude-standard', '--directory'], { cwd: root, encoding: 'utf8' }).stdout ??
    ''
  const notOurs = new Set(['node_modules', ...ignored.split('\n').map((path) => path.replace(/\/$/, ''))])
  const folders = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !notOurs.has(entry.name),
  )
  t.same(folders.map(({ name }) => name).sort(), rooms)
  for (const file of [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'Dockerfile',
    '.dockerignore',
    '.env.example',
    'README.md',
    'CONTRIBUTING.md',
    'LICENSE',
    '.ci/run',
  ]) {
    t.ok(existsSync(join(root, file)), file)
  }
  t.match(read('LICENSE'), /Apache License\s+Version 2\.0, January 2004/)
})

t.test('names are kebab-case, with the role in the suffix', async (t) => {
  const odd = files.filter(
    (file) => !/(^|\/)([a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.(ts|mts|mjs|cjs|json|sql|yaml|env)|README\.md)$/.test(file),
  )
  t.same(odd, [])
})

t.test('a context has one name in every room', async (t) => {
  const contexts = readdirSync(join(root, 'plugins/contexts'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  t.ok(contexts.length >= 3)
  for (const { name } of contexts) {
    t.match(name, /^[a-z]+(-[a-z]+)*$/)
    for (const place of [`domain/${name}/index.ts`, `routes/${name}`, `plugins/contexts/${name}/index.ts`])
      t.ok(existsSync(join(root, place)), place)
  }
})

t.test('every room says in under thirty lines what belongs', async (t) => {
  for (const room of [...rooms, 'plugins/host', 'plugins/contexts']) t.ok(read(`${room}/README.md`).trimEnd().split('\n').length < 30, room)
})

t.test('every script leads somewhere, through the check of the version', async (t) => {
  for (const name of [
    'start',
    'dev',
    'test',
    'lint',
    'format',
    'typecheck',
    'build',
    'contract',
    'evidence',
    'bench',
    'migrate',
    'agency',
    'audit:verify',
    'audit:retire',
  ]) {
    t.ok(manifest.scripts[name], `npm run ${name}`)
  }
  for (const [name, script] of Object.entries(manifest.scripts)) {
    for (const [path] of script.matchAll(/\b(?:plugins|test|node_modules)\/\S+/g)) t.ok(existsSync(join(root, path)), `${name}: ${path}`)
    if (!script.startsWith('npm run')) t.match(script, /^(exec )?node plugins\/cli\/launch\.cjs/, name)
  }
})

t.test('a Node below the floor gets one sentence', async (t) => {
  // The check runs in a context whose version is that of an old Node; an old engine itself is not at hand.
  const script = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); require(${JSON.stringify(join(root, 'plugins/cli/launch.cjs'))})`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  t.equal(status, 1)
  t.equal(stdout, '')
  t.match(stderr, /^Postern needs Node 24 and this is Node 20\.20\.2: [^\n]+\.\n$/)
  const source = read('plugins/cli/launch.cjs')
  t.notMatch(
    source.slice(0, source.indexOf('process.exit(1)')),
    /=>|\?\.|\?\?|`[^`]*\$\{|\bimport\b/,
    'in words that an old engine can read',
  )
})

t.test('the launcher runs a file as if it had been named', async (t) => {
  const directory = t.testdir({
    '.env': 'FROM_FILE=read\nSET=from-file\n',
    'show.ts':
      'const shown: object = { argv: process.argv.slice(1), file: process.env["FROM_FILE"], set: process.env["SET"] }\nprocess.stdout.write(JSON.stringify(shown))',
  })
  const launch = (...args: string[]): unknown =>
    JSON.parse(
      spawnSync(process.execPath, [join(root, 'plugins/cli/launch.cjs'), ...args], {
        cwd: directory,
        env: { SET: 'already', NODE_COMPILE_CACHE: join(directory, 'cache') },
        encoding: 'utf8',
      }).stdout,
    )
  t.same(launch('show.ts', '--json', 'x'), { argv: [join(directory, 'show.ts'), '--json', 'x'], set: 'already' })
  t.same(
    launch('--env', 'show.ts'),
    { argv: [join(directory, 'show.ts')], file: 'read', set: 'already' },
    'the environment goes before the file',
  )
})

t.test('every package is pinned, and the lockfile agrees and is whole', async (t) => {
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    t.same(locked['']![kind], manifest[kind], `${kind} are locked as they stand`)
    for (const [name, version] of Object.entries(manifest[kind])) t.match(version, /^(npm:[^@]+@)?\d+\.\d+\.\d+(-[a-z0-9.]+)?$/, name)
  }
  const orm = Object.entries(manifest.dependencies).filter(([name]) => name.startsWith('@mikro-orm/'))
  t.equal(new Set(orm.map(([, version]) => version)).size, 1, 'the four packages of the ORM are of one version')
  t.same(
    Object.values(locked).filter(({ resolved }) => resolved?.startsWith('http')),
    [],
    'no download addresses',
  )

  const missing = Object.entries(locked).flatMap(([at, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => {
      for (let folder = at; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
        if (locked[`${folder}${folder && '/'}node_modules/${name}`]) return false
        if (folder === '') return true
      }
    }),
  )
  t.same(missing, [], 'run .ci/complete-lockfile.mjs')
})

t.test('an incomplete lockfile is completed, once', async (t) => {
  const directory = t.testdir({
    'lock.json': JSON.stringify({
      packages: {
        '': { name: 'x' },
        'node_modules/a': {
          version: '1.0.0',
          resolved: 'https://registry.example/a.tgz',
          optionalDependencies: { '@a/linux-x64-musl': '1.2.3', '@a/darwin-arm64': '1.2.3', 'a-windows-x64': '^2.0.0-beta.1' },
        },
        'node_modules/a/node_modules/@a/darwin-arm64': { version: '1.2.3' },
        'node_modules/b': { version: '1.0.0', dev: true, optionalDependencies: { '@b/wasm32-wasi': '1.0.0' } },
      },
    }),
  })
  const complete = (): string =>
    spawnSync(process.execPath, [join(root, '.ci/complete-lockfile.mjs'), join(directory, 'lock.json')], { encoding: 'utf8' }).stdout
  t.equal(complete(), '3 platform packages added, 1 addresses taken out.\n')
  const { packages } = JSON.parse(readFileSync(join(directory, 'lock.json'), 'utf8')) as { packages: Record<string, unknown> }
  t.same(packages['node_modules/@a/linux-x64-musl'], { version: '1.2.3', optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] })
  t.same(packages['node_modules/a-windows-x64'], { version: '2.0.0-beta.1', optional: true, os: ['win32'], cpu: ['x64'] })
  t.same(packages['node_modules/@b/wasm32-wasi'], { version: '1.0.0', dev: true, optional: true, os: ['none'] })
  t.notOk(packages['node_modules/@a/darwin-arm64'], 'what stands further in is found')
  t.equal(complete(), '0 platform packages added, 0 addresses taken out.\n')
})

t.test('.ci/run runs the test command of the README', async (t) => {
  const commands = /```sh\n([\s\S]*?)```/.exec(read('README.md'))?.[1]?.trim().split('\n') ?? []
  t.same(commands, ['npm ci && npm start', 'npm ci && npm test'])
  const ci = read('.ci/run')
  for (const step of [commands[1]!, 'npm run lint', 'npm run typecheck', 'npm run build', 'npm run contract'])
    t.ok(ci.includes(`step '${step}'`), step)
  t.ok(statSync(join(root, '.ci/run')).mode & 0o100, 'and can be run')
})
