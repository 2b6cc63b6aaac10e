import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { demoAgencies } from '../../config/personas.ts'
import { addAgency } from '../../plugins/host/agencies.ts'
import { testDatabase } from '../database.ts'
import { freshEnvironment, projectRoot, runScript, startService } from './service-process.ts'

const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
const files = [...readme.matchAll(/^```ts file=(\S+)\n([\s\S]*?)^```$/gm)].map(([, path, text]) => ({ path: path!, text: text! }))
const [, approval] = /^```ts approval\n([\s\S]*?)^```$/m.exec(readme) ?? []

/** The project on its own packages. */
const copyProject = (t: Test): string => {
  const root = mkdtempSync(join(tmpdir(), 'postern-context-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  // The tests too: the clauses name them, and the contract holds them to be there.
  const parts = ['config', 'domain', 'routes', 'plugins', 'test', 'package.json', 'tsconfig.json', 'CONTRACT.md']
  for (const name of parts) cpSync(join(projectRoot, name), join(root, name), { recursive: true })
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'))
  // What is compiled of the packages already serves here as well; where it cannot be linked it is compiled again.
  spawnSync('cp', ['-al', join(projectRoot, '.cache'), join(root, '.cache')])
  return root
}

const edit = (path: string, change: (text: string) => string): void => {
  const [before, after] = [readFileSync(path, 'utf8'), change(readFileSync(path, 'utf8'))]
  if (before === after) throw new Error(`${path} has not changed`)
  writeFileSync(path, after)
}

const contractOf = (root: string, ...args: readonly string[]) => runScript('contract', args, { root })

const refusal = 'MIG-03 §7: the context greeting is not in the approved contract; adding a service takes an amendment.'

t.test("the README's context is refused, approved and served", async (t) => {
  const { appUrl, ownerUrl, bypassUrl } = await testDatabase(t)
  for (const agency of demoAgencies) await addAgency(ownerUrl, agency)
  const root = copyProject(t)
  const dataDir = join(root, '.data')
  const env = {
    DATABASE_URL: appUrl,
    DATABASE_MIGRATION_URL: ownerUrl,
    DATABASE_BYPASS_URL: bypassUrl,
    IP_LIMIT: 'all=1000/60s,anonymous=1000/60s',
  }

  t.same(
    files.map(({ path }) => path),
    ['routes/greeting/index.ts', 'plugins/contexts/greeting/index.ts'],
  )
  for (const { path, text } of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  edit(join(root, 'plugins/contexts.ts'), (text) =>
    text.replace(/^import/, "import greeting from './contexts/greeting/index.ts'\nimport").replace(/,?\s*\]\n*$/, ', greeting]\n'),
  )

  await t.test('before it is approved', async (t) => {
    t.same(await contractOf(root), { code: 1, out: '', err: `${refusal}\n` })
    const service = startService(t, { root, dataDir, env })
    t.equal((await service.ended).code, 1)
    t.ok(service.output().endsWith(`${refusal}\n`), service.output())
    t.notMatch(service.output(), 'Postern serves at')
  })

  edit(join(root, 'config/contract.ts'), (text) => text.replace(/\n {2}\],\n {2}amendments/, `\n${approval}\n  ],\n  amendments`))

  await t.test('its types hold, and the rules that the house has for schemas', async (t) => {
    const program = join(root, 'tsconfig.greeting.json')
    writeFileSync(program, JSON.stringify({ extends: './tsconfig.json', include: ['plugins/contexts/greeting'] }))
    const node = (...args: string[]) =>
      spawnSync(process.execPath, args, { cwd: root, env: freshEnvironment(root), encoding: 'utf8', timeout: 60_000 })
    t.notMatch(node('node_modules/typescript7/bin/tsc', '-p', program).stdout, 'greeting/')
    const rules = node('test/house/schemas.test.ts')
    t.equal(rules.status, 0)
    t.match(rules.stdout, '# Subtest: what getGreeting gives is what its schema names')
  })

  await t.test('the contract shows it, once it is printed anew', async (t) => {
    const stale = await contractOf(root)
    t.equal(stale.code, 1)
    t.match(stale.err, /^The declarations differ from line \d+ of CONTRACT\.md\. Review the change, then: npm run contract -- --write\n$/)
    const fresh = await contractOf(root, '--write')
    t.match(fresh, { code: 0, err: '' }, 'writing it is all that there is to do')
    t.match(fresh.out, /^\| greeting \| getGreeting \| GET \/api\/greeting \| read \| patient, staff \|/m)
    t.equal(readFileSync(join(root, 'CONTRACT.md'), 'utf8'), fresh.out)
  })

  await t.test('and it is called', async (t) => {
    const service = startService(t, { root, dataDir, env })
    const address = await service.listening
    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(`${address}${path}`, { ...init, signal: AbortSignal.timeout(20_000) })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const tokenOf = async (persona: string) =>
      (await ask('/dev/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ persona }) }))
        .body['access_token'] as string
    const as = async (persona: string) => ask('/api/greeting', { headers: { authorization: `Bearer ${await tokenOf(persona)}` } })
    t.same(await as('patient-ana'), { status: 200, body: { greeting: 'Hello, patient' } })
    t.same(await as('clinician'), { status: 200, body: { greeting: 'Hello, clinical_staff' } })
    t.match(await as('provider-self'), { status: 403, body: { code: 'FORBIDDEN' } }, 'the audience that it declared, and no other')
    t.match(await ask('/api/greeting'), { status: 401, body: { code: 'UNAUTHORIZED' } })
  })
})
