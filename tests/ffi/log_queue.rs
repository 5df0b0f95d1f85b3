//! Log records.

use leaderserver::ffi::log::{self as ffi_log, LogQueue, LogRecord, MAX_MESSAGE};

fn record(message: &str) -> LogRecord {
    let message = message.to_owned();
    LogRecord { level: log::Level::Info, target: "leaderserver::test".to_owned(), message }
}

#[test]
fn a_full_log_queue_drops_the_oldest_and_says_so() {
    let queue = LogQueue::new(3);
    assert_eq!(queue.take(), None);
    for message in ["1", "2", "3", "4", "5"] {
        queue.push(record(message));
    }
    let notice = queue.take().expect("a notice");
    assert_eq!(notice.level, log::Level::Warn);
    assert!(notice.message.starts_with("2 log records"), "{}", notice.message);
    let left: Vec<_> = std::iter::from_fn(|| queue.take()).map(|record| record.message).collect();
    assert_eq!(left, ["3", "4", "5"]);
}

#[test]
fn a_long_log_message_is_cut_between_characters() {
    let queue = LogQueue::new(3);
    queue.push(record(&("x".to_owned() + &"é".repeat(MAX_MESSAGE))));
    let cut = queue.take().expect("one").message;
    assert!(cut.len() <= MAX_MESSAGE + '…'.len_utf8() && cut.ends_with("é…"));
}

#[test]
fn the_logger_records_what_is_wanted() {
    let take_ours = |marker: &str| {
        let mine = |record: &LogRecord| record.message.contains(marker);
        let all = std::iter::from_fn(ffi_log::take).filter(mine);
        all.map(|record| (ffi_log::number_of(record.level), record.target)).collect::<Vec<_>>()
    };
    log::error!(target: "leaderserver::x", "marker before");
    ffi_log::set_level(3);
    log::warn!(target: "leaderserver::x", "marker");
    log::debug!(target: "leaderserver::x", "marker");
    log::warn!(target: "elsewhere", "marker");
    log::info!(target: "elsewhere", "marker");
    log::info!(target: "leaderserverless", "marker");
    let (x, elsewhere) = ("leaderserver::x".to_owned(), "elsewhere".to_owned());
    assert_eq!(take_ours("marker"), [(2, x.clone()), (2, elsewhere)]);
    ffi_log::set_level(99);
    log::trace!(target: "leaderserver::x", "marker");
    assert_eq!(take_ours("marker"), [(5, x)]);
    ffi_log::set_level(-1);
    log::error!(target: "leaderserver::x", "marker");
    assert_eq!(take_ours("marker"), []);
}
