// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Dates and times, as a token records them and as the command writes them.

use crate::codec::{DAY, day_of_date};

/// A moment as a clock tells it, in seconds since 1970.
pub(super) fn seconds(digits: &[u8]) -> Option<u64> {
    let day = u64::try_from(day_of_date(digits.get(..8)?)?).ok()?;
    let number = |range| std::str::from_utf8(digits.get(range)?).ok()?.parse::<u64>().ok();
    Some(day * DAY + number(8..10)? * 3600 + number(10..12)? * 60 + number(12..14)?)
}

/// `20270131` as `2027-01-31`.
pub(super) fn dashed(date: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..8)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => date.to_string(),
    }
}

/// Seconds since 1970 as a date and time in UTC (the Gregorian calendar from days, counted from
/// 1 March of the year 0, so that a leap day ends its year).
pub(super) fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
