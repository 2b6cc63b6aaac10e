import type { SendMailOptions } from 'nodemailer'
import { DeliveryError, type Mail } from './mail.ts'

const mostRecipients = 10
/** One plain address: no name, no list, nothing that could be read as more than one. */
const address = /^[^\s<>@,;:"()[\]\\]{1,64}@[^\s<>@,;:"()[\]\\]{1,255}$/u

/** The part after the at sign of `MAIL_FROM`. */
const domainOf = (from: string): string => /@([^\s<>@]+)>?$/.exec(from)?.[1] ?? 'postern.invalid'

const recipientsOf = ({ to }: Mail): string[] => {
  const all = typeof to === 'string' ? [to] : [...to]
  if (all.length === 0 || all.length > mostRecipients || !all.every((one) => address.test(one))) throw new DeliveryError('refused')
  return all
}

/**
 * The message as nodemailer takes it. Its id is the outbox row's at each attempt. Several recipients do not see one another. Nothing is
 * fetched: content comes from the mail alone.
 * @throws DeliveryError where an address is none
 */
export const messageOf = (id: string, mail: Mail, from: string, now: Date): SendMailOptions => {
  const to = recipientsOf(mail)
  return {
    from,
    to: to.length === 1 ? to : 'undisclosed-recipients:;',
    envelope: { from: /<([^<>]+)>$/.exec(from)?.[1] ?? from, to },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    date: now,
    messageId: `<${id}@${domainOf(from)}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}
