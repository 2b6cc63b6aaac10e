/** What a law or a source document demands, and the tests that hold it. The clauses of the contract are controls besides these. */
export interface Control {
  readonly id: string
  /** The control in a few words of our own. */
  readonly says: string
  /** Test files, or folders of them. */
  readonly tests: readonly string[]
  /** Names of `plugins/host/contract-checks.ts`, where the declarations themselves show it. */
  readonly checks?: readonly string[]
  /** What remains for whoever runs it. */
  readonly operator?: string
}

const isolation = ['test/host/database/every-table.test.ts', 'test/host/isolation-end-to-end.test.ts']

/** The three layers of FusionEMS part 4, rule by rule. */
const layers: readonly Control[] = [
  {
    id: 'FusionEMS part 4, layer 1: agency column',
    says: 'Every table of agencies has its column, and row security that is forced',
    tests: ['test/host/database/isolation-check.test.ts', ...isolation],
  },
  {
    id: 'FusionEMS part 4, layer 1: context',
    says: 'Each transaction sets its agency; queries are filtered by the database, and a missing agency is refused',
    tests: ['test/host/database/isolation.test.ts', ...isolation],
  },
  {
    id: 'FusionEMS part 4, layer 1: founder',
    says: 'The founder’s bypass is explicit, reads alone, and leaves its row or does not happen',
    tests: ['test/host/agency-scope.test.ts', 'test/host/database/every-table.test.ts'],
  },
  {
    id: 'FusionEMS part 4, layer 2: request flow',
    says: 'Seven steps in their order, before any service',
    tests: ['test/host/gateway.test.ts', 'test/host/pipeline.test.ts', 'test/house/mutation.test.ts'],
  },
  {
    id: 'FusionEMS part 4, layer 2: deny by default',
    says: 'What nobody declared is refused; what was, is refused to whom no role lists',
    tests: ['test/host/gateway.test.ts', 'test/host/contract-check.test.ts', 'test/host/role-by-operation.test.ts'],
    checks: ['operations-declared', 'scopes-known'],
  },
  {
    id: 'FusionEMS part 4, layer 2: request log',
    says: 'One line per request, with ids and outcome and nothing of its content',
    tests: ['test/host/gateway.test.ts', 'test/house/canary.long.test.ts'],
  },
  {
    id: 'FusionEMS part 4, layer 3: guardrails',
    says: 'TLS only, no embedded secrets, environments apart, an image without privileges',
    tests: [
      'test/host/encrypted-only.test.ts',
      'test/house/production.test.ts',
      'test/house/dockerfile.long.test.ts',
      'test/config/env.test.ts',
    ],
    operator: 'Networks, storage, vault and certificates: the table in test/production/README.md',
  },
]

/** Technical safeguards, 45 CFR 164.312. */
const safeguards: readonly Control[] = [
  {
    id: '45 CFR 164.312 (a)(1)',
    says: 'Access control: only those who were granted it reach health information',
    tests: ['test/host/role-by-operation.test.ts', 'test/config/permissions.test.ts', 'test/host/identity', ...isolation],
    checks: ['scopes-known', 'operations-declared'],
  },
  {
    id: '45 CFR 164.312 (a)(2)(i)',
    says: 'Unique user identification: each act bears the id of one user',
    tests: ['test/host/identity/tokens.test.ts', 'test/contexts/audit', 'test/host/audit/trail.long.test.ts'],
    operator: 'One account per person at the identity provider',
  },
  {
    id: '45 CFR 164.312 (a)(2)(ii)',
    says: 'Emergency access: a founder enters an agency with a reason, and its trail says so',
    tests: ['test/host/agency-scope.test.ts'],
    operator: 'Who holds the role of founder, and the procedure for using it',
  },
  {
    id: '45 CFR 164.312 (a)(2)(iii)',
    says: 'Automatic logoff: a token ends after 15 minutes at most, and nothing is served with one that has ended',
    tests: ['test/host/identity/tokens.test.ts', 'test/contexts/shell'],
    operator: 'The idle time of sessions at the identity provider and in the portals',
  },
  {
    id: '45 CFR 164.312 (a)(2)(iv)',
    says: 'Encryption and decryption: fields, documents and audit payloads are sealed with keys that rotate',
    tests: ['test/host/crypto', 'test/house/canary.long.test.ts', 'test/host/documents'],
    operator: 'Keeping and rotating the keys; encrypted volumes and backups',
  },
  {
    id: '45 CFR 164.312 (b)',
    says: 'Audit controls: every attempt to write and every read of a record is recorded and can be examined',
    tests: ['test/host/audit', 'test/contexts/audit', 'test/house/mutation.test.ts'],
    checks: ['writes-audited'],
    operator: 'Reviewing the audit, and keeping signed heads where nobody can replace them',
  },
  {
    id: '45 CFR 164.312 (c)(1)',
    says: 'Integrity: records are not altered or destroyed improperly, not by a race and not by a crash',
    tests: ['test/host/crash.long.test.ts', 'test/host/idempotency.test.ts', 'test/host/database', 'test/host/audit/verify.test.ts'],
    operator: 'Backups, and restoring them on trial',
  },
  {
    id: '45 CFR 164.312 (c)(2)',
    says: 'Mechanism to authenticate health information: sealed values and chained rows do not open or verify when changed',
    tests: ['test/host/crypto', 'test/host/audit/verify.test.ts', 'test/host/audit/export.long.test.ts'],
  },
  {
    id: '45 CFR 164.312 (d)',
    says: 'Person or entity authentication: tokens of one issuer, verified in signature, audience, time and kind',
    tests: ['test/host/identity'],
    operator: 'How the identity provider makes sure of a person',
  },
  {
    id: '45 CFR 164.312 (e)(1)',
    says: 'Transmission security: nobody else reads or alters what travels',
    tests: ['test/host/encrypted-only.test.ts', 'test/config/env.test.ts'],
    operator: 'TLS at the edge, where TRUST_PROXY says that a proxy ends it',
  },
  {
    id: '45 CFR 164.312 (e)(2)(i)',
    says: 'Integrity controls: what was altered on its way is noticed',
    tests: ['test/host/encrypted-only.test.ts', 'test/host/identity/tokens.test.ts', 'test/host/audit/export.long.test.ts'],
  },
  {
    id: '45 CFR 164.312 (e)(2)(ii)',
    says: 'Encryption: production refuses every address that is not encrypted',
    tests: ['test/config/env.test.ts', 'test/host/encrypted-only.test.ts', 'test/house/production.test.ts'],
  },
]

export const controls: readonly Control[] = [...layers, ...safeguards]
