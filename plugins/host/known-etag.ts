/**
 * Has the caller this very answer already? Tags are compared weakly, one of several is enough, and `*` is any: a cache that compresses what it
 * keeps weakens the tag, and asks with what it was given by each of its sources.
 * @param asked the header If-None-Match
 * @see RFC 9110, sections 8.8.3.2 and 13.1.2
 */
export const isKnownEtag = (asked: string | undefined, etag: string): boolean =>
  asked !== undefined && (asked === etag || asked.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim())))
