import type { Gate } from './gate.ts'

/** Who calls: a verified token, and the agency that the request works in. */
export const authenticate: Gate = {
  name: 'authenticate',
  stage: 'arrival',
  bind: (operation, host) => {
    if (operation.audience.includes('public')) return null
    return (call, request) => {
      const found = host.identity.authenticate(request.headers.authorization)
      if (!(found instanceof Promise)) {
        call.principal = found
        return undefined
      }
      return found.then((principal) => {
        call.principal = principal
      })
    }
  },
}
