import type { AppConfig } from '../../config/env.ts'

/** What a developer sees after the start: where things are, and the commands to try next. */
export const firstSteps = (address: string, config: AppConfig): string => {
  const flags = config.flags.kind === 'file' ? config.flags.path : 'your Unleash'
  return `
Postern serves at ${address}
  Documentation  ${address}/docs
  OpenAPI        ${address}/openapi.json
  Flags          ${flags}
  Data           ${config.dataDir}

Try next:
  curl -s ${address}/dev/personas
  TOKEN=$(curl -s ${address}/dev/token -H 'content-type: application/json' -d '{"persona":"patient-ana"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${address}/api/messaging/conversations -H "authorization: Bearer $TOKEN"
The README goes on from here: switches, consent, a message, its replay, and the audit.

`
}
