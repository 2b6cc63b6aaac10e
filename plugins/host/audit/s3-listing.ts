import { refusedBy, s3Error, type S3Bucket } from './s3-bucket.ts'

export interface Listing {
  /** What every name begins with; it is cut off. */
  readonly prefix: string
  /** `folders` are the parts of names up to the next slash. */
  readonly of: 'objects' | 'folders'
  /** What a name must be, its prefix and slash cut off; others are passed over. */
  readonly name: RegExp
  /** Names that are asked for at first; 1 000 later. */
  readonly first?: number
  /** Pages of 1 000 names that are read before the listing is given up. */
  readonly mostPages: number
}

interface Page {
  readonly names: string[]
  /** Where the next page begins; null: this is the last. */
  readonly token: string | null
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const plain = (text: string): string => text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => entities[name]!)

/** The text of the first `element` behind each `<parent>`. One pass over the whole, whatever stands in it. */
const textsOf = (body: string, parent: string, element: RegExp): string[] =>
  body
    .split(`<${parent}>`)
    .slice(1)
    .flatMap((part) => element.exec(part)?.slice(1, 2) ?? [])
    .map(plain)

const pageOf = (body: string, { prefix, of, name }: Listing): Page => {
  if (!/<ListBucketResult[\s>]/.test(body)) throw s3Error('The checkpoint store gave no listing', 'ERR_S3_LISTING')
  const found =
    of === 'objects' ? textsOf(body, 'Contents', /<Key>([^<]*)<\/Key>/) : textsOf(body, 'CommonPrefixes', /<Prefix>([^<]*)\/<\/Prefix>/)
  const names = found.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
  const more = /<IsTruncated>\s*true\s*<\/IsTruncated>/.test(body)
  const [, token] = /<NextContinuationToken>([^<]+)<\/NextContinuationToken>/.exec(body) ?? []
  if (more && token === undefined) throw s3Error('A listing of the checkpoint store does not go on', 'ERR_S3_LISTING')
  return { names: names.filter((text) => name.test(text)), token: more ? plain(token!) : null }
}

/**
 * Lists a bucket page by page, in the order of names. A listing that is out of order, goes in circles or does not end is an error: half
 * of it would pass for the whole.
 */
export const list = async function* (bucket: Pick<S3Bucket, 'send'>, listing: Listing): AsyncGenerator<string[]> {
  let last = ''
  let names = 0
  let token: string | null = null
  for (let pages = 0; pages < listing.mostPages && names <= listing.mostPages * 1_000; pages += 1) {
    const answer = await bucket.send({
      method: 'GET',
      query: {
        'list-type': '2',
        prefix: listing.prefix,
        'max-keys': String(pages === 0 ? (listing.first ?? 1_000) : 1_000),
        ...(listing.of === 'folders' ? { delimiter: '/' } : {}),
        ...(token === null ? {} : { 'continuation-token': token }),
      },
    })
    if (answer.status !== 200) throw refusedBy(answer)
    const page = pageOf(answer.body, listing)
    for (const name of page.names) {
      if (name <= last) throw s3Error('A listing of the checkpoint store is out of order', 'ERR_S3_LISTING')
      last = name
    }
    names += page.names.length
    yield page.names
    if (page.token === null) return
    token = page.token
  }
  throw s3Error('A listing of the checkpoint store does not end', 'ERR_S3_LISTING')
}
