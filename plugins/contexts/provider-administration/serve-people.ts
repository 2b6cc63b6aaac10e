import {
  accessProviderDocument, approveProviderDocument, deleteProviderPhoto, documentUploads, getFeaturedPhoto, getOwnDocumentContent, getOwnProviderProfile, getProviderDocument,
  getProviderDocumentContent, listAdminNotifications, listFeaturedProviders, listOwnDocuments, listOwnNotifications, listProviderDocuments,
  listProviderNotifications, listUpcomingReminders, putProviderPhoto, readAdminNotification, readOwnNotification, rejectProviderDocument,
  requestDocumentReupload, sendProviderNotification, uploadOwnDocument, uploadProviderDocument,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import type { ContextScope } from '../../host/define-context.ts'
import { accessService, contentService } from './document-content.handlers.ts'
import {
  approveService, getDocumentService, listDocumentsService, rejectService, requestReuploadService, uploadService,
} from './documents.handlers.ts' // prettier-ignore
import { getDocumentStatement, listDocumentsStatement, listOwnDocumentsStatement } from './documents.statements.ts'
import { listOwnDocumentsService, ownContentService, ownProfileService, ownUploadService } from './faces.handlers.ts'
import { listMailsService, sendMailService } from './mails.handlers.ts'
import { listAdminNoticesService, listOwnNoticesService, readAdminNoticeService, readOwnNoticeService } from './notices.handlers.ts'
import { listAdminNoticesStatement, listOwnNoticesStatement } from './notices.statements.ts'
import { createTell, createTellAdministrators } from './notify.ts'
import { deletePhotoService, putPhotoService } from './photo.handlers.ts'
import { getFeaturedPhotoService, listFeaturedService } from './public.handlers.ts'
import { getFeaturedPhotoStatement, listFeaturedStatement } from './public.statements.ts'
import { upcomingRemindersService } from './upcoming-reminders.ts'

type Granted = ContextScope<'fields' | 'blind-index' | 'documents' | 'tickets' | 'queue'>

/** Documents of a provider, for administrators. */
export const serveDocuments = (scope: Granted): void => {
  const tell = createTell(scope.outbox)
  const { create, status, append, discard } = documentUploads
  scope.serve(create, { resumable: 'create' })
  scope.serve(status, { resumable: 'status' })
  scope.serve(append, { resumable: 'append' })
  scope.serve(discard, { resumable: 'discard' })
  scope.serve(uploadProviderDocument, uploadService(createTellAdministrators(scope.outbox)))
  scope.serve(listProviderDocuments, listDocumentsService)
  scope.serve(getProviderDocument, getDocumentService)
  scope.serve(approveProviderDocument, approveService(tell))
  scope.serve(rejectProviderDocument, rejectService(tell))
  scope.serve(requestDocumentReupload, requestReuploadService(tell))
  scope.serve(accessProviderDocument, accessService(scope.tickets))
  scope.serve(getProviderDocumentContent, contentService)
  scope.serve(putProviderPhoto, putPhotoService(scope.documents))
  scope.serve(deleteProviderPhoto, deletePhotoService(scope.documents))
}

/** What providers and administrators are told. */
export const serveNotices = (scope: Granted): void => {
  scope.serve(listProviderNotifications, listMailsService(scope.outbox))
  scope.serve(sendProviderNotification, sendMailService(scope.outbox, createTell(scope.outbox)))
  scope.serve(listUpcomingReminders, upcomingRemindersService)
  scope.serve(listAdminNotifications, listAdminNoticesService)
  scope.serve(readAdminNotification, readAdminNoticeService)
}

/** A provider's own, and what everybody sees. */
export const serveFaces = (scope: Granted): void => {
  scope.serve(getOwnProviderProfile, ownProfileService({ fields: scope.fields, blindIndex: scope.blindIndex }))
  scope.serve(listOwnDocuments, listOwnDocumentsService)
  scope.serve(uploadOwnDocument, ownUploadService(createTellAdministrators(scope.outbox)))
  scope.serve(getOwnDocumentContent, ownContentService)
  scope.serve(listOwnNotifications, listOwnNoticesService)
  scope.serve(readOwnNotification, readOwnNoticeService)
  scope.serve(listFeaturedProviders, listFeaturedService)
  scope.serve(getFeaturedPhoto, getFeaturedPhotoService)
}

/** The statements that the host compiles for what is served here. */
export const peopleStatements = [
  getDocumentStatement,
  listDocumentsStatement,
  listOwnDocumentsStatement,
  listAdminNoticesStatement,
  listOwnNoticesStatement,
  getFeaturedPhotoStatement,
  listFeaturedStatement,
]
