//! How names, durations and moments are shown to people.

use std::time::Duration;

/// A name as it can be shown on a terminal: whatever is no printable character is escaped.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `850 ms`, `9.5 s`, `3 m 20 s`, `2 h 5 m`, `4 d 3 h`.
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 if millis.is_multiple_of(1000) => format!("{seconds} s"),
        1..60 => format!("{seconds}.{} s", millis % 1000 / 100),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// As [`duration`].
pub fn duration_of(duration: Duration) -> String {
    self::duration(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Microseconds since 1970 as `2026-11-21T06:12:57.123Z`.
pub fn utc(micros: u64) -> String {
    let (days, in_day) = (micros / 86_400_000_000, micros % 86_400_000_000);
    let (year, month, day) = date(days);
    let seconds = in_day / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        in_day % 1_000_000 / 1000
    )
}

/// Year, month and day of a number of days since 1970, by the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    const IN_400_YEARS: u64 = 146_097;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970 + 400 * (days / IN_400_YEARS);
    let mut left = days % IN_400_YEARS;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(1_735_689_599_999_999), "2024-12-31T23:59:59.999Z");
        assert_eq!(utc(1_795_241_577_123_456), "2026-11-21T06:12:57.123Z");
        assert_eq!(utc(4_107_542_400_000_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn durations_read_well() {
        let shown = [0, 850, 9_500, 10_000, 200_000, 7_500_000, 356_400_000].map(duration);
        let expected = ["0 ms", "850 ms", "9.5 s", "10 s", "3 m 20 s", "2 h 5 m", "4 d 3 h"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn nothing_that_moves_the_cursor_is_shown() {
        assert_eq!(printable("a\x1b[2J\n\u{202e}é"), "a\\u{1b}[2J\\n\\u{202e}é");
    }
}
