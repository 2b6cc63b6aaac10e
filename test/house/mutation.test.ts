import t from 'tap'
import { contexts } from '../../plugins/contexts.ts'
import { gateNames } from '../../plugins/host/gates/gate.ts'
import { sqlGatesWithout } from '../../plugins/host/sql/compiled.ts'
import { compileAll, installFunctions } from '../../plugins/host/sql/install.ts'
import { testDatabase } from '../database.ts'
import { startHost } from '../helper.ts'
import { probeLimits, probes, stageOf } from './probes.ts'
import { openRows } from './rows.ts'

/**
 * Each gate is needed: its probe holds on the service as it is, and fails on the same service without that gate alone. A gate that
 * the probes do not know fails here, so that none can be added without a proof.
 */
const database = await testDatabase(t)
const rows = await openRows(t, database.superuserUrl)
const statements = contexts.flatMap((context) => context.statements)

t.test('with every gate in place, every promise holds', async (t) => {
  const stage = await stageOf(await startHost(t, { database, env: probeLimits }), rows)
  t.same(Object.keys(probes).sort(), [...gateNames].sort(), 'every gate has its probe')
  for (const gate of gateNames) t.ok(await probes[gate](stage), gate)
})

for (const gate of gateNames) {
  t.test(`without the gate "${gate}" its promise is broken`, async (t) => {
    const without = new Set([gate])
    await installFunctions(database.ownerUrl, compileAll(statements, sqlGatesWithout(without)))
    const stage = await stageOf(await startHost(t, { database, withoutGates: [gate], env: probeLimits }), rows)
    t.notOk(await probes[gate](stage), 'the probe sees it')
    // A service that is broken altogether would prove nothing. Without authentication nothing else can work.
    const other = gate === 'agreement' ? 'consent' : 'agreement'
    if (gate !== 'authenticate') t.ok(await probes[other](stage), 'and another promise still holds')
  })
}
