/** Operator errors of questions, searches and tails: a part of the table in errors.ts. */
export const askErrors = {
  'question.invalid': {
    exitCode: 'usage',
    message: 'question {question}: {file}: {problem}',
    whatToDo: 'correct that file (docs/internals/questions.md says what a question is)',
  },
  'question.unknown': {
    exitCode: 'usage',
    httpStatus: 404,
    message: 'there is no question {question}',
    whatToDo: 'ask one of these: {known}',
  },
  'question.bad_param': {
    exitCode: 'usage',
    httpStatus: 400,
    message: 'question {question}: {param} {problem}',
    whatToDo: 'see sonde ask {question} --help, or GET /api/v1/questions',
  },
  'question.too_large': {
    exitCode: 'degraded',
    httpStatus: 422,
    message: 'question {question} needs more than one answer may take ({limit})',
    whatToDo: 'ask for a shorter range, one host or one environment',
  },
  'question.queue_full': {
    exitCode: 'degraded',
    httpStatus: 429,
    message: 'the hub has {waiting} questions waiting already',
    whatToDo: 'ask again in a few seconds',
  },
  'search.bad_filter': {
    exitCode: 'usage',
    httpStatus: 400,
    message: 'the filter is wrong at character {at}: {problem}',
    whatToDo: 'correct it (docs/operating/search.md has the language)',
  },
  'search.bad_param': {
    exitCode: 'usage',
    httpStatus: 400,
    message: 'search: {param} {problem}',
    whatToDo: 'see docs/operating/search.md, or GET /api/v1/openapi.json',
  },
  'tail.ended': {
    exitCode: 'degraded',
    message: 'the hub ended the tail ({reason})',
    whatToDo: 'start it again when GET /readyz answers 200',
  },
  'tail.full': {
    exitCode: 'degraded',
    httpStatus: 429,
    message: '{tails} tails run already',
    whatToDo: 'end one of them, or try again later',
  },
} as const;
