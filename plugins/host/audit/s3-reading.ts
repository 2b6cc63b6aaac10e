import { largestLine } from './checkpoint-lines.ts'
import { refusedBy, s3Error, type S3Bucket } from './s3-bucket.ts'
import { list } from './s3-listing.ts'
import { isFolder, isObject, isSum } from './s3-names.ts'

export interface S3ReadingOptions {
  readonly bucket: S3Bucket
  /** Empty, or ends in a slash. */
  readonly prefix: string
  readonly mostPages: number
}

/** Requests that are under way side by side. */
const together = 8
const readMs = 10 * 60_000

const inGroups = function* <T>(list: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += together) yield list.slice(start, start + together)
}

/**
 * Reads what verification needs of a bucket: of every folder the newest sum and what was written after it. A store that cannot be read to
 * its end is an error: what is missing would go unnoticed.
 */
export const readS3Checkpoints = async function* (options: S3ReadingOptions): AsyncGenerator<string> {
  const { prefix, mostPages } = options
  const end = performance.now() + readMs
  const bucket: Pick<S3Bucket, 'send'> = {
    async send(request) {
      if (performance.now() > end) throw s3Error('Reading the checkpoint store takes too long', 'ERR_S3_TIMEOUT')
      return options.bucket.send(request)
    },
  }

  const newestIn = async function* (folder: string): AsyncGenerator<string[]> {
    const within = `${prefix}${folder}/`
    // One name tells whether there is more to read than a sum.
    for await (const names of list(bucket, { prefix: within, of: 'objects', name: isObject, first: 1, mostPages })) {
      const sum = names.findIndex(isSum)
      yield names.slice(0, sum === -1 ? names.length : sum + 1).map((name) => within + name)
      if (sum !== -1) return
    }
  }

  const linesOf = async (key: string): Promise<string[]> => {
    const answer = await bucket.send({ method: 'GET', key })
    if (answer.status !== 200) throw refusedBy(answer)
    return answer.body.split('\n').filter((line) => line.length > 0 && line.length <= largestLine)
  }

  const linesOfAll = async function* (keys: readonly string[]): AsyncGenerator<string> {
    for (const group of inGroups(keys)) for (const lines of await Promise.all(group.map(linesOf))) yield* lines
  }

  for await (const folders of list(bucket, { prefix, of: 'folders', name: isFolder, mostPages })) {
    for (const group of inGroups(folders)) {
      const listings = group.map(newestIn)
      const first = await Promise.all(listings.map((listing) => listing.next()))
      yield* linesOfAll(first.flatMap(({ value, done }) => (done ? [] : value)))
      for (const listing of listings) for await (const keys of listing) yield* linesOfAll(keys)
    }
  }
}
