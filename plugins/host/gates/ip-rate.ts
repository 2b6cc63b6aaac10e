import type { Gate } from './gate.ts'

/** How many requests one address may send, before anything is known of the caller. */
export const ipRate: Gate = {
  name: 'ip-rate',
  stage: 'arrival',
  bind: (operation, host) => {
    if (!operation.audience.includes('public')) return (_call, request) => host.ipLimit.take(request, 'all')
    return async (_call, request) => {
      await host.ipLimit.take(request, 'all')
      await host.ipLimit.take(request, 'anonymous')
    }
  },
}
