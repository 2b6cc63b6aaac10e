import { defineEntity, p } from '@mikro-orm/core'
import { commissionTypes } from './commission.ts'
import { documentsStatuses } from './documents-of-provider.ts'
import { providerStatuses, transitionNames } from './lifecycle.ts'

const sealed = () => p.type(Buffer).columnType('bytea').nullable()

const ProviderProfileSchema = defineEntity({
  name: 'ProviderProfile',
  tableName: 'provider_profile',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    status: p.enum(providerStatuses),
    statusChangeId: p.uuid(),
    featured: p.boolean(),
    version: p.integer(),
    firstName: p.text().nullable(),
    lastName: p.text().nullable(),
    middleInitial: p.text().nullable(),
    specialty: p.text().nullable(),
    yearsOfExperience: p.smallint().nullable(),
    license: sealed(),
    licenseIndex: sealed(),
    licenseLastFourIndex: sealed(),
    email: sealed(),
    emailIndex: sealed(),
    pendingEmail: sealed(),
    pendingEmailIndex: sealed(),
    pendingEmailAt: p.datetime(3).nullable(),
    secondaryEmail: sealed(),
    phone: sealed(),
    clinicName: p.text().nullable(),
    clinicStreet: p.text().nullable(),
    clinicCity: p.text().nullable(),
    clinicStateProvince: p.text().nullable(),
    clinicPostalCode: p.text().nullable(),
    clinicCountry: p.text().nullable(),
    clinicPhone: p.text().nullable(),
    clinicEmail: p.text().nullable(),
    operatingHours: p.text().nullable(),
    commissionType: p.enum(commissionTypes).nullable(),
    /** Percent with two decimals, as text. */
    currentRate: p.decimal().nullable(),
    currentTier: p.smallint().nullable(),
    documentsStatus: p.enum(documentsStatuses),
    documentsExpireOn: p.date().nullable(),
    searchText: p.text(),
    sortName: p.text(),
    createdAt: p.datetime(3),
    createdBy: p.text(),
    updatedAt: p.datetime(3),
    activityAt: p.datetime(3),
    activatedAt: p.datetime(3).nullable(),
    deactivatedAt: p.datetime(3).nullable(),
    welcomedAt: p.datetime(3).nullable(),
    deletableSince: p.date().nullable(),
    auditId: p.uuid(),
  },
})

const ProviderStatusChangeSchema = defineEntity({
  name: 'ProviderStatusChange',
  tableName: 'provider_status_change',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    providerId: p.uuid(),
    previousStatus: p.enum(providerStatuses).nullable(),
    newStatus: p.enum(providerStatuses),
    changedAt: p.datetime(3),
    changedBy: p.text(),
    reason: p.text().nullable(),
    notified: p.boolean(),
    auditId: p.uuid(),
  },
})

const ProviderScheduledTransitionSchema = defineEntity({
  name: 'ProviderScheduledTransition',
  tableName: 'provider_scheduled_transition',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    providerId: p.uuid(),
    transition: p.enum(transitionNames),
    reason: p.text().nullable(),
    notify: p.boolean(),
    effectiveDate: p.date(),
    scheduledAt: p.datetime(3),
    scheduledBy: p.text(),
    scheduledRole: p.text(),
    state: p.enum(['scheduled', 'withdrawn', 'replaced', 'done', 'refused'] as const),
    closedAt: p.datetime(3).nullable(),
    auditId: p.uuid(),
  },
})

/** A provider account as PostgreSQL keeps it, addresses and licence sealed. */
export class ProviderProfileRecord extends ProviderProfileSchema.class {}
ProviderProfileSchema.setClass(ProviderProfileRecord)

/** What became of a status. */
export class ProviderStatusChangeRecord extends ProviderStatusChangeSchema.class {}
ProviderStatusChangeSchema.setClass(ProviderStatusChangeRecord)

/** A transition of a later date. */
export class ProviderScheduledTransitionRecord extends ProviderScheduledTransitionSchema.class {}
ProviderScheduledTransitionSchema.setClass(ProviderScheduledTransitionRecord)

export { ProviderProfileSchema, ProviderScheduledTransitionSchema, ProviderStatusChangeSchema }
