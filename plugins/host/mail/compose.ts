import type { Mail } from './mail.ts'

/** A mail in words. Every text is data: nothing in it is read as HTML or as a header. */
export interface MailWords {
  readonly subject: string
  /** One text each; a newline in it is a space. */
  readonly paragraphs: readonly string[]
  /** Shown on its own after the paragraphs. http or https. */
  readonly link?: { readonly label: string; readonly url: string }
  /** Below a line: who to ask, why it came. */
  readonly footer?: readonly string[]
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character]!)

/** Longest line of a part in characters: a name that is one long word stays as it is. */
const width = 76

/** Controls, and what turns the direction of text, would let one text pass for another. */
const plain = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()

const wrapped = (text: string): string => {
  const lines: string[] = []
  for (const word of text.split(/ +/)) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}

const checkedUrl = (text: string): string => {
  const { protocol, href } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error('a link of a mail is http or https')
  return href
}

/** Both parts of a mail from its words. The address is the caller's to add. */
export const composeMail = ({ subject, paragraphs, link, footer = [] }: MailWords): Omit<Mail, 'to'> => {
  const said = paragraphs.map(plain)
  const small = footer.map(plain)
  const shown = link && { label: plain(link.label), url: checkedUrl(link.url) }
  const text = [
    ...said.map(wrapped),
    ...(shown ? [`${wrapped(`${shown.label}:`)}\n${shown.url}`] : []),
    ...(small.length > 0 ? [`-- \n${small.map(wrapped).join('\n')}`] : []),
  ]
  const html = [
    ...said.map((one) => `<p>${escaped(one)}</p>`),
    ...(shown ? [`<p><a href="${escaped(shown.url)}">${escaped(shown.label)}</a><br>${escaped(shown.url)}</p>`] : []),
    ...(small.length > 0 ? [`<hr><p><small>${small.map(escaped).join('<br>')}</small></p>`] : []),
  ]
  return {
    subject: plain(subject),
    text: `${text.join('\n\n')}\n`,
    html: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(plain(subject))}</title><body>${html.join('\n')}</body></html>\n`,
  }
}
