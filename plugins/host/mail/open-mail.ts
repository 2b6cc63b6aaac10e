import type { MailConfig } from '../../../config/env.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { openFileMail } from './file-mail.ts'
import type { MailPort } from './mail.ts'
import { openSmtpMail } from './smtp-mail.ts'

/** The mail server, or files where there is none. The library is loaded now, not at the start of the process. */
export const openMail = (config: MailConfig, clock: Clock): Promise<MailPort> =>
  config.kind === 'smtp'
    ? openSmtpMail({ url: config.url, from: config.from, clock })
    : openFileMail({ directory: config.directory, from: config.from, clock })
