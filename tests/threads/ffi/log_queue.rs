//! The log queue: whoever logs waits for nobody, and no record is lost unsaid.

use ::log::Level;
use loom::thread;

use super::log::{LogQueue, LogRecord};
use crate::model;
use crate::sync::Arc;

fn record(number: usize) -> LogRecord {
    let message = number.to_string();
    LogRecord { level: Level::Info, target: "model".to_owned(), message }
}

/// How many records that says: itself, or those that are gone.
fn says(taken: &LogRecord) -> usize {
    if taken.target == "model" {
        return 1;
    }
    let gone = taken.message.split(' ').next().unwrap();
    gone.parse().expect("the number of those that are gone comes first")
}

/// Two threads log more than there is room for while a third fetches.
#[test]
fn each_record_is_taken_or_counted() {
    model(|| {
        let queue = Arc::new(LogQueue::new(1));
        let loggers: Vec<_> = (0..2)
            .map(|logger| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    queue.push(record(2 * logger));
                    queue.push(record(2 * logger + 1));
                })
            })
            .collect();
        let mut said = queue.take().map_or(0, |taken| says(&taken));
        for logger in loggers {
            logger.join().unwrap();
        }
        while let Some(taken) = queue.take() {
            said += says(&taken);
        }
        assert_eq!(said, 4);
    });
}
