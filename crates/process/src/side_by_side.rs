//! Work done side by side: most of it waits for children.
//!
//! A thread that panics has told so on stderr; what it would have answered is [`Lost`], and whoever
//! asked goes on without it.

use std::thread;

use crate::error::{Error, Kind};

const DIED: &str = "a thread of this command died";

/// An answer that can say that there is none.
pub trait Lost {
    /// What stands for the answer of a thread that died.
    fn lost() -> Self;
}

impl<T, E: From<Error>> Lost for Result<T, E> {
    fn lost() -> Self {
        Err(Error::new(Kind::Ours, DIED).into())
    }
}

impl<T> Lost for Option<T> {
    fn lost() -> Self {
        None
    }
}

impl<A: Lost, B: Lost> Lost for (A, B) {
    fn lost() -> Self {
        (A::lost(), B::lost())
    }
}

/// Does the work for each of them, a thread each; the answers in the order of what they are about.
pub fn each<T: Send, R: Lost + Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let mut answers: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let work = &work;
    let works = items.into_iter().zip(&mut answers).map(|(item, answer)| {
        let work: Work<'_> = Box::new(move || *answer = Some(work(item)));
        work
    });
    beside(works.collect(), Box::new(|| {}));
    let whole = |answer: Option<R>| answer.unwrap_or_else(R::lost);
    answers.into_iter().map(whole).collect()
}

/// Does the one in a thread and the other here; both have ended when it returns.
pub fn both<A: Lost + Send, B: Lost>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    let (mut first, mut second) = (None, None);
    beside(
        vec![Box::new(|| first = Some(one()))],
        Box::new(|| second = Some(other())),
    );
    (
        first.unwrap_or_else(A::lost),
        second.unwrap_or_else(B::lost),
    )
}

/// The answer of a thread that somebody started by hand.
pub fn joined<R: Lost>(thread: thread::ScopedJoinHandle<'_, R>) -> R {
    thread.join().unwrap_or_else(|_| R::lost())
}

/// One kind of work, whatever it is about: threads are compiled once, not for each use.
type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Does each work in a thread, and meanwhile something here.
///
/// What panics here panics here, once the threads have ended.
fn beside<'a>(works: Vec<Work<'a>>, here: Box<dyn FnOnce() + 'a>) {
    thread::scope(|scope| {
        let threads: Vec<_> = works.into_iter().map(|work| scope.spawn(work)).collect();
        here();
        for thread in threads {
            // Who died has left no answer, which says so; unjoined, its panic would be ours.
            let _ = thread.join();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn all_are_at_work_at_the_same_time_and_answer_in_their_order() {
        let all_there = Barrier::new(4);
        let (answers, _) = both(
            || {
                Some(each(1..=3, |number| {
                    all_there.wait();
                    Some(number)
                }))
            },
            || Some(all_there.wait()),
        );
        assert_eq!(answers, Some(vec![Some(1), Some(2), Some(3)]));
    }

    #[test]
    fn one_that_dies_leaves_an_answer_that_says_so_and_the_others_theirs() {
        let answers = each([1, 2, 3], |number| {
            assert_ne!(number, 2, "this one dies on purpose");
            Ok::<_, String>(number)
        });
        assert_eq!(answers, [Ok(1), Err(DIED.to_owned()), Ok(3)]);
        let (one, other) = both(
            || -> Result<(), Error> { panic!("this one dies on purpose") },
            || Some(2),
        );
        assert_eq!(one.expect_err("it died").message(), DIED);
        assert_eq!(other, Some(2));
    }
}
