import type { Test } from 'tap'

/** The work fails, and so: with this constraint of the database, this class of failure. */
export const fails = async (t: Test, work: Promise<unknown>, wanted: object, said?: string): Promise<void> => {
  const error: unknown = await work.then(
    () => null,
    (refused: unknown) => refused,
  )
  t.match(error, wanted, said ?? 'fails')
}
