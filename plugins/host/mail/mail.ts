import type { DeliveryFailure } from '../jobs/outbox-port.ts'

/** A mail with both its parts, as `composeMail` makes them. No password, no record of a patient. */
export interface Mail {
  /** Addresses, 1 to 10. Each gets a copy of the one message and sees nobody else's. */
  readonly to: string | readonly string[]
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Sends mails. */
export interface MailPort {
  /**
   * @param id of the outbox row: the message's own id, the same at each attempt
   * @throws DeliveryError
   */
  send(id: string, mail: Mail): Promise<void>
  close(): Promise<void>
}

/** An attempt that did not succeed. It carries its cause's class and nothing that another system said. */
export class DeliveryError extends Error {
  readonly failure: DeliveryFailure

  constructor(failure: DeliveryFailure) {
    super(failure)
    this.name = 'DeliveryError'
    this.failure = failure
  }
}
