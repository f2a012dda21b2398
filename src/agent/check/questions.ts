/** The installed questions, as far as a node has to do with them. */

import { discoverQuestions } from '../../question/discovery.ts';
import type { Asked, Broken } from './judge.ts';
import { reasonOf } from './trials.ts';

export function askedQuestions(folder: string): { questions: Asked[]; broken: Broken[] } {
  const { questions, problems } = discoverQuestions(folder);
  return {
    questions: questions.map(({ id, summary, signals, sql }) => ({
      question: id,
      asks: summary.asks,
      signals,
      // A field's column has its name with _ for the dots.
      uses: (field) => new RegExp(`\\b${field.replace(/\W/g, '_')}\\b`).test(sql),
    })),
    broken: problems.map((error) => ({
      question: String(error.parameters['question']),
      problem: reasonOf(error),
    })),
  };
}
