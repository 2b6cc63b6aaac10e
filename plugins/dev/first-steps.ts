import type { AppConfig } from '../../config/env.ts'

const consent = `post consents consent-1 '{"patientId":"'$ME'","scope":"messaging"}'`
const conversation = `post messaging/conversations talk-1 '{"patientId":"'$ME'","subject":"A question"}'`
const message = `post messaging/conversations/$TALK/messages hello-1 '{"body":"May I take it with milk?"}'`
const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`

const openSwitches = ({ flags }: AppConfig): string =>
  flags.kind === 'file'
    ? `echo '{"USE_CONSENT_WRITES":true,"USE_CHAT_WRITES":true}' > ${quoted(flags.path)}`
    : '# open USE_CONSENT_WRITES and USE_CHAT_WRITES in Unleash'

/** Groups of commands for a shell, each to be pasted as a whole. */
const groups = (address: string, config: AppConfig): readonly (readonly [string, readonly string[]])[] => [
  [
    'Try next, in a second terminal (bash): who you are',
    [
      `API=${address}`,
      `field() { sed "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/"; }`,
      `token() { curl -s $API/dev/token -H 'content-type: application/json' -d '{"persona":"'$1'"}' | field access_token; }`,
      `get() { curl -s "$API/api/$1" -H "authorization: Bearer $2" -w '\\n'; }`,
      `post() { curl -s "$API/api/$1" -H "authorization: Bearer $ANA" -H "idempotency-key: $2" -H 'content-type: application/json' -d "$3" -w '\\n' $4; }`,
      'ANA=$(token patient-ana)',
      `ME=$(curl -s $API/dev/personas | grep -o '"persona":"patient-ana"[^}]*' | field patientId)`,
    ],
  ],
  ['Refused while the switch is off; open both switches', [consent, openSwitches(config)]],
  ['Refused without consent; grant it', [conversation, consent]],
  [
    'A message, the same one again with its key, and both read back as one',
    [`TALK=$(${conversation} | field id)`, message, `${message} -i`, 'get messaging/conversations/$TALK/messages $ANA'],
  ],
  [
    'What an auditor sees, and whether the chain is whole',
    ['AUDITOR=$(token compliance-officer)', 'get audit/events $AUDITOR', 'get audit/verification $AUDITOR'],
  ],
]

/** What a developer sees after the start: where things are, and the commands to try next. A test runs them as they are printed. */
export const firstSteps = (address: string, config: AppConfig): string => {
  const places = [
    ['Documentation', `${address}/docs`],
    ['OpenAPI', `${address}/openapi.json`],
    ['Switches', config.flags.kind === 'file' ? config.flags.path : 'your Unleash'],
    ['Data', config.dataDir],
  ] as const
  const where = places.map(([what, place]) => `  ${what.padEnd(15)}${place}`)
  const steps = groups(address, config).flatMap(([title, lines]) => ['', `${title}:`, ...lines.map((line) => `  ${line}`)])
  return `\nPostern serves at ${address}\n${[...where, ...steps].join('\n')}\n\n`
}
