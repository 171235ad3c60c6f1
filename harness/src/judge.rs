//! What became of the questions of one room, by what stands in it. Knows nothing of how the bot works.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Somebody asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// The event.
    pub event: String,
    /// What the answer must say.
    pub text: String,
    /// The root of the thread in which it was asked.
    pub thread: Option<String>,
}

/// The bot said something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What it says.
    pub text: String,
    /// The event that it replies to.
    pub in_reply_to: Option<String>,
    /// The root of the thread that it is in.
    pub thread: Option<String>,
}

/// How often each thing happened; all but the first two should be zero.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Questions that were asked.
    pub questions: u64,
    /// Messages of the bot.
    pub answers: u64,
    /// Questions without an answer.
    pub lost: u64,
    /// Answers to a question that has one already.
    pub doubled: u64,
    /// Answers with another text than asked for, or in another thread, or to nothing that was asked.
    pub misplaced: u64,
    /// Answers that come before the answer to an earlier question.
    pub disordered: u64,
}

impl Verdict {
    /// Whether there were questions, and each has its one answer, in its place, in order.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        let Self {
            questions,
            answers,
            lost,
            doubled,
            misplaced,
            disordered,
        } = *self;
        questions > 0 && questions == answers && lost + doubled + misplaced + disordered == 0
    }
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        let Self {
            questions,
            answers,
            lost,
            doubled,
            misplaced,
            disordered,
        } = other;
        self.questions += questions;
        self.answers += answers;
        self.lost += lost;
        self.doubled += doubled;
        self.misplaced += misplaced;
        self.disordered += disordered;
    }
}

/// Judges one room: its questions and the bot's messages, both in the order of the room.
#[must_use]
pub fn judge(questions: &[Question], answers: &[Answer]) -> Verdict {
    let places: BTreeMap<&str, usize> = questions
        .iter()
        .enumerate()
        .map(|(place, question)| (question.event.as_str(), place))
        .collect();
    let mut counts = vec![0_u64; questions.len()];
    let mut verdict = Verdict {
        questions: questions.len() as u64,
        answers: answers.len() as u64,
        ..Verdict::default()
    };
    let mut last = None;
    for answer in answers {
        let asked = answer.in_reply_to.as_deref();
        let Some(&place) = asked.and_then(|event| places.get(event)) else {
            verdict.misplaced += 1;
            continue;
        };
        let question = &questions[place];
        if (&answer.text, &answer.thread) != (&question.text, &question.thread) {
            verdict.misplaced += 1;
        }
        counts[place] += 1;
        if counts[place] > 1 {
            verdict.doubled += 1;
        } else if last > Some(place) {
            verdict.disordered += 1;
        } else {
            last = Some(place);
        }
    }
    verdict.lost = counts.iter().filter(|count| **count == 0).count() as u64;
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(number: usize, thread: Option<&str>) -> Question {
        Question {
            event: format!("${number}"),
            text: format!("text {number}"),
            thread: thread.map(str::to_owned),
        }
    }

    fn answer(question: &Question) -> Answer {
        Answer {
            text: question.text.clone(),
            in_reply_to: Some(question.event.clone()),
            thread: question.thread.clone(),
        }
    }

    #[test]
    fn one_answer_each_in_place_and_order_is_good() {
        let questions = [
            question(0, None),
            question(1, Some("$root")),
            question(2, None),
        ];

        let verdict = judge(&questions, &questions.each_ref().map(answer));

        assert!(verdict.is_good(), "{verdict:?}");
        assert_eq!((verdict.questions, verdict.answers), (3, 3));
    }

    #[test]
    fn silence_is_not_good() {
        assert!(!judge(&[], &[]).is_good());
    }

    #[test]
    fn whatever_is_wrong_is_counted_once() {
        let questions = [
            question(0, None),
            question(1, Some("$root")),
            question(2, None),
        ];
        let [a, b, c] = questions.each_ref().map(answer);
        let outside = Answer {
            thread: None,
            ..b.clone()
        };
        let foreign = Answer {
            in_reply_to: Some("$else".to_owned()),
            ..b.clone()
        };
        let good = Verdict {
            questions: 3,
            answers: 3,
            ..Verdict::default()
        };

        let lost = judge(&questions, &[a.clone(), c.clone()]);
        let doubled = judge(&questions, &[a.clone(), a.clone(), b.clone(), c.clone()]);
        let disordered = judge(&questions, &[b.clone(), a.clone(), c.clone()]);
        let misplaced = judge(&questions, &[a.clone(), outside, c.clone()]);
        let unasked = judge(&questions, &[a, b, c, foreign]);

        assert_eq!(
            lost,
            Verdict {
                answers: 2,
                lost: 1,
                ..good
            }
        );
        assert_eq!(
            doubled,
            Verdict {
                answers: 4,
                doubled: 1,
                ..good
            }
        );
        assert_eq!(
            disordered,
            Verdict {
                disordered: 1,
                ..good
            }
        );
        assert_eq!(
            misplaced,
            Verdict {
                misplaced: 1,
                ..good
            }
        );
        assert_eq!(
            unasked,
            Verdict {
                answers: 4,
                misplaced: 1,
                ..good
            }
        );
        for verdict in [lost, doubled, disordered, misplaced, unasked] {
            assert!(!verdict.is_good(), "{verdict:?}");
        }
    }
}
