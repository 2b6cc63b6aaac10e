/** A retrieved passage, as a source is shown it. */
export interface AdvicePassage {
  readonly title: string
  readonly text: string
}

/**
 * The advisor's source, as its context sees it: one question out, one text back. There is no way to name an address, a tool or an
 * action, and the text is not to be believed in anything.
 */
export interface AdvicePort {
  /** The version of the policy under which advice is given (`ADVISOR_POLICY_VERSION`). */
  readonly policyVersionId: string
  /** May a question concern a patient? Not where it leaves the service without an agreement (`ADVISOR_PHI`). */
  readonly mayConcernPatients: boolean
  /**
   * Asks the configured endpoint (`ADVISOR_URL`), once; null where there is none and retrieval answers by itself.
   * @throws Refusal UPSTREAM_UNAVAILABLE where it fails, is too slow (`timeout`) or answers anything but a text in bounds
   */
  readonly ask: ((question: string, passages: readonly AdvicePassage[]) => Promise<string>) | null
}
