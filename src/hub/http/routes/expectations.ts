import { expectationListSchema } from '../../../question/expectation.ts';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/expectations',
  summary: 'Who is expected to talk to others, and until when, as the files of hub.yaml say it',
  responses: {
    200: {
      description: 'in the order of the files',
      content: { 'application/json': expectationListSchema },
    },
  },
  handle(_, { expectations }) {
    return { body: expectations.list() };
  },
});
