// The shapes of the lead's API and of what the page's parts exchange.

/** @typedef {"untouched" | "prompted" | "running" | "done" | "failed"} TaskState */
/** @typedef {"satisfactory" | "redo" | "reject" | "skipped"} VerdictName */
/** @typedef {VerdictName | "outdated" | "none"} VerdictState */
/** @typedef {"tasks" | "labels" | "people" | "queues" | "review" | "training" | "exports"} ViewName */
/** @typedef {{mean: number, low: number, high: number, observations: number}} Interval  a share with its 95 % interval */
/** @typedef {{user: string, state: TaskState, objects: number, done: number, total: number, reason: string}} Work */
/**
 * @typedef {object} TaskEntry
 * @property {number} task
 * @property {string} name
 * @property {TaskState} state
 * @property {Work[]} people
 * @property {Record<string, number>} labels  the count of objects
 * @property {number | null} uncertainty
 * @property {number | null} worst_frame
 * @property {number | null} frame_count
 * @property {number} unread
 * @property {VerdictState} verdict
 * @property {string} comment
 * @property {string[]} given_by
 * @property {Interval | null} agreement
 * @property {string} thumbnail  address
 * @property {string} player  address
 * @property {string} label_studio  address; "": none
 */
/**
 * @typedef {object} Counts  over all tasks of the project
 * @property {Record<TaskState, number>} states
 * @property {Record<VerdictState, number>} verdicts
 * @property {Record<string, number>} labels
 * @property {Record<string, number>} people
 * @property {number} needing_masks
 */
/**
 * @typedef {object} TaskList
 * @property {TaskEntry[]} tasks
 * @property {number} total
 * @property {number} of
 * @property {Counts} counts
 * @property {number} unread
 * @property {boolean} is_listed
 * @property {boolean} is_measuring  newer agreement is on its way
 */
/**
 * @typedef {object} LabelRow
 * @property {number} task
 * @property {string} name
 * @property {string} label
 * @property {number} objects
 * @property {number} people
 * @property {number} clicks
 * @property {number} human_frames
 * @property {number} frames
 * @property {number | null} uncertainty
 */
/**
 * @typedef {object} Effort
 * @property {number} tasks
 * @property {number} objects
 * @property {number} clicks
 * @property {number} edited_frames
 * @property {number} frames
 * @property {number | null} edited_share
 * @property {number | null} clicks_per_clicked_frame
 * @property {number} active_s
 * @property {number | null} seconds_per_frame
 */
/** @typedef {Effort & {phase: string, size: string}} SizeEffort */
/** @typedef {{at_s: number, trust: Interval}} TrustPoint */
/**
 * @typedef {object} Person
 * @property {string} user
 * @property {Effort | null} effort
 * @property {SizeEffort[]} sizes
 * @property {Interval | null} trust
 * @property {Interval | null} agreement
 * @property {Interval | null} gold
 * @property {Record<string, number>} verdicts
 * @property {TrustPoint[]} trust_over_time
 */
/** @typedef {{people: Person[], is_effort_recorded: boolean, is_measuring: boolean}} People */
/**
 * @typedef {object} Queue
 * @property {string} stage
 * @property {number} project
 * @property {number} waiting
 * @property {number} done
 * @property {number | null} oldest_s
 * @property {number | null} per_hour
 * @property {string[]} stuck
 */
/** @typedef {{model: string, masks: number, failures: number, low: number, high: number, sentence: string}} Audit */
/** @typedef {{audits: Audit[], uncertain: TaskEntry[], unread: number}} Review */
/**
 * @typedef {object} Progress  of ordered propagations
 * @property {number} orders
 * @property {number} waiting
 * @property {number} running
 * @property {number} finished
 * @property {number} cancelled
 * @property {number} share  0..1
 * @property {boolean} is_open
 * @property {{task: number, user: string, reason: string}[]} failures
 */
/** @typedef {{tasks: {task: number, refused: string}[]}} Judged */
/**
 * @typedef {object} ExportEntry
 * @property {string} id
 * @property {"running" | "done" | "failed"} state
 * @property {string} format
 * @property {number} tasks  0: the whole project
 * @property {string} detail
 * @property {string} command
 * @property {string} address  "": not done
 * @property {number} bytes
 */
/** @typedef {{exports: ExportEntry[], formats: string[]}} Exports */
/** @typedef {{tasks: number[] | null, format: string, verdict: string, labels: string, annotator: string}} ExportBody */
/** @typedef {{project: number, title: string}} ProjectEntry */
/**
 * @typedef {object} Place  what the page's address holds: a link shows the same to another lead
 * @property {number} project  0: none
 * @property {ViewName} view
 * @property {TaskState[]} state
 * @property {VerdictState[]} verdict
 * @property {string} label
 * @property {string | null} person  null: anybody
 * @property {string} uncertainty_from
 * @property {string} agreement_to
 * @property {string} text
 * @property {string} order
 * @property {number} page  from 1
 */
/** @typedef {{text: string, wayOut: string, kind: "info" | "error"}} Notice */
/**
 * @typedef {object} State
 * @property {Place} place
 * @property {string} name  of the lead
 * @property {boolean} ready  signed in, with the projects
 * @property {boolean} needsToken  nobody is signed in
 * @property {boolean} connected
 * @property {boolean} loading
 * @property {ProjectEntry[]} projects
 * @property {TaskList | null} list
 * @property {LabelRow[] | null} labels
 * @property {People | null} people
 * @property {Queue[] | null} queues
 * @property {Review | null} review
 * @property {Exports | null} exports
 * @property {import("./types_training.js").TrainingList | null} training
 * @property {Progress | null} progress
 * @property {number[]} selected  tasks
 * @property {number} busy  changes that are not answered
 * @property {Notice | null} notice
 * @property {"" | "send back" | "export" | "help"} dialog
 */
/**
 * @typedef {object} Parts
 * @property {import("./state/store.js").Store} store
 * @property {import("./server/transport.js").Transport} transport
 * @property {import("./actions/loading.js").Loading} loading
 * @property {import("./actions/work.js").Work} work
 * @property {import("./actions/training.js").Training} training
 * @property {import("./view/thumbnails.js").Thumbnails} thumbnails
 */
export {};
