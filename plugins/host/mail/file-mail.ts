import { randomUUID } from 'node:crypto'
import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../domain/shared/clock.ts'
import { DeliveryError, type MailPort } from './mail.ts'
import { messageOf } from './message.ts'

export interface FileMailOptions {
  /** Made where it is missing, readable by this user alone. */
  readonly directory: string
  readonly from: string
  readonly clock: Clock
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

/** A mail that is there already was sent already. */
const putOnce = async (directory: string, name: string, content: Buffer): Promise<void> => {
  const aside = join(directory, `.${randomUUID()}`)
  try {
    await writeFile(aside, content, { mode: 0o600, flag: 'wx' })
    await link(aside, join(directory, name))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new DeliveryError('internal')
  } finally {
    await rm(aside, { force: true })
  }
}

/** Development's mail: one `.eml` file per message, named by its outbox row, which any mail program opens. */
export const openFileMail = async ({ directory, from, clock }: FileMailOptions): Promise<MailPort> => {
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return {
    async send(id, mail) {
      const { message } = await transport.sendMail(messageOf(id, mail, from, new Date(clock.now())))
      if (!Buffer.isBuffer(message)) throw new DeliveryError('internal')
      await putOnce(directory, `${id}.eml`, message)
    },
    close: async () => transport.close(),
  }
}
