import type { FlagName } from '../../config/flags.ts'
import { flags } from '../../config/flags.ts'
import { ContractBreach } from './contract-check.ts'
import type { ContextDefinition } from './define-context.ts'

type Later = Pick<ContextDefinition, 'manifest' | 'jobs' | 'deliveries'>

const breach = (sentence: string): never => {
  throw new ContractBreach(sentence)
}

const name = /^[a-z][a-z0-9-]{0,59}$/

const isFlag = (text: string): text is FlagName => flags.some((flag) => flag.name === text)

const checkJobs = ({ manifest, jobs }: Later): void => {
  for (const job of jobs) {
    if (!name.test(job.name)) breach(`02B, Audit: ${manifest.name} declares a job whose name is no name.`)
    if (job.killSwitch !== undefined && !(isFlag(job.killSwitch) && manifest.killSwitches.includes(job.killSwitch)))
      breach(`MIG-03 §7: the job ${job.name} names the switch "${job.killSwitch}", which ${manifest.name} did not declare.`)
  }
}

const checkDeliveries = ({ manifest, deliveries }: Later): void => {
  const granted = new Set<string>(manifest.capabilities)
  for (const delivery of deliveries) {
    const { kind } = delivery
    if (!name.test(kind)) breach(`02B, Audit: ${manifest.name} declares a delivery whose kind is no name.`)
    if ('prepare' in delivery && !granted.has('mail'))
      breach(`MIG-03 §4, least privilege: ${manifest.name} would send the mail ${kind}, and was not granted the capability "mail".`)
    if (('desire' in delivery || 'invite' in delivery) && !granted.has('identity-admin'))
      breach(
        `MIG-03 §4, least privilege: ${manifest.name} would keep accounts by ${kind}, and was not granted the capability "identity-admin".`,
      )
  }
}

/**
 * Holds what a context would do later against what it was granted: nothing is told or run later without the capability `queue`. It works
 * in domain transactions of the effect `admin`. Throws `ContractBreach`.
 */
export const checkLater = (context: Later): void => {
  const { manifest, jobs, deliveries } = context
  if (jobs.length === 0 && deliveries.length === 0) return
  if (!manifest.capabilities.includes('queue'))
    breach(`02B, Explicitly Forbidden: ${manifest.name} would do something later, and was not granted the capability "queue".`)
  if (!manifest.capabilities.includes('transaction') || !manifest.effects.includes('admin'))
    breach(`MIG-03 §4, least privilege: ${manifest.name} would work later in transactions of the effect "admin", which it did not declare.`)
  checkJobs(context)
  checkDeliveries(context)
}
