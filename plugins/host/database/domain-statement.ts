/** One query or one change of rows. Everything else (SET, RESET, DO, PREPARE, EXECUTE, BEGIN, COPY, LOCK …) begins otherwise. */
const opens = /^\s*(?:select|insert|update|delete|merge|with|values)\b/i
/** A second statement, and what could hide one, or a name, from whoever reads the text: comments, escapes, dollar quotes. */
const hides = /;|--|\/\*|\bu&\s*["']|\be'|\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/i
/** Functions and views that change the session or run a text as SQL, and the host's own. */
const reaches =
  /\b(?:set_config|pg_settings|host_(?:open|look|close|claim_key|own_draft|use_ticket)|(?:query|cursor|table|schema|database)_to_xml\w*|ts_stat)\b/i

/**
 * Refuses a statement that could change the role, the agency or the settings of its transaction. It bounds mistakes; it is no
 * sandbox, and no parser of SQL: values belong into parameters, and a text that looks like more than one plain statement is refused.
 * What the database refuses by itself (another login, row security switched off, objects of one's own) it refuses whatever the text.
 *
 * @throws Error without the statement, which could hold values
 */
export const checkDomainStatement = (statement: string): void => {
  if (!opens.test(statement) || hides.test(statement) || reaches.test(statement))
    throw new Error('a domain statement may not touch its session')
}
