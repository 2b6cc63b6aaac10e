import { normalise, textRule } from '../../../domain/shared/text.ts'

const longest = 255

/** The last part of a path, in one line and without what no text may hold; null where nothing is left. */
export const plainName = (filename: string | null): string | null => {
  const last = (filename ?? '').split(/[/\\]/).at(-1)!
  const plain = normalise(last.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')).trim()
  if (plain === '' || textRule(plain) !== null) return null
  return [...plain].slice(0, longest).join('')
}

const percent = (text: string): string =>
  encodeURIComponent(text).replaceAll(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * `Content-Disposition` that holds whatever a name is: plain letters for old readers, UTF-8 for the others.
 * @see RFC 6266, RFC 8187
 */
export const dispositionOf = (disposition: 'inline' | 'attachment', filename: string | null): string => {
  const name = plainName(filename)
  if (name === null) return disposition
  const letters = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  return `${disposition}; filename="${letters}"${letters === name ? '' : `; filename*=UTF-8''${percent(name)}`}`
}
