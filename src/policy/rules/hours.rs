// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The hours of a rule, by the clock on the wall of a time zone. The zones are the database that is
//! built in: the machine's own may be older, or missing. It imports nothing of the crate.

use super::fault::Faults;
use super::lists::places;
use super::names::DAYS;
use super::text::{RawHours, Text};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use toml::Spanned;

/// On some days, from a minute for so many.
#[derive(Debug)]
pub(super) struct Hours {
    /// A bit for each day, from Monday: the day on which the hours begin.
    days: u8,
    from: u32,
    len: u32,
    zone_name: String,
    zone: TimeZone,
}

impl Hours {
    pub(super) fn compile(raw: &Spanned<RawHours>, faults: &mut Faults<'_>) -> Hours {
        let RawHours { days, from, to, zone } = raw.get_ref();
        let days = match days {
            None => EVERY_DAY,
            Some(days) => places("day", DAYS, days, faults).fold(0, |all, day| all | (1 << day)),
        };
        let (mut begin, mut len) = (0, DAY);
        match (from, to) {
            (Some(from), Some(to)) => {
                let (first, last) = (minute(from, faults), minute(to, faults));
                if let (Some(first), Some(last)) = (first, last) {
                    if first == last || first == DAY {
                        faults.add(
                            &to.span(),
                            format!("from {} to {} is no time", from.get_ref(), to.get_ref()),
                            "leave 'from' and 'to' away for the whole day",
                        );
                    }
                    (begin, len) =
                        (first, if last > first { last - first } else { DAY + last - first });
                }
            }
            (None, None) => {}
            (Some(one), None) | (None, Some(one)) => {
                faults.add(&one.span(), "'from' and 'to' go together", "give both or neither");
            }
        }
        if from.is_none() && to.is_none() && days == EVERY_DAY {
            faults.add(
                &raw.span(),
                "these hours are every hour of every day",
                "give 'days', or 'from' and 'to', or leave 'hours' away",
            );
        }
        let zone_name = zone.as_ref().map_or("UTC", |zone| zone.get_ref());
        let found = TimeZoneDatabase::bundled().get(zone_name);
        if let (Err(_), Some(zone)) = (&found, zone) {
            faults.add(
                &zone.span(),
                format!("there is no time zone '{}'", zone.get_ref()),
                "write a name of the IANA database, such as Europe/Berlin or UTC",
            );
        }
        let zone = found.unwrap_or(TimeZone::UTC);
        Hours { days, from: begin, len, zone_name: zone_name.to_string(), zone }
    }

    /// Whether a time, seconds since 1970, is among them.
    pub(super) fn has(&self, seconds: i64) -> bool {
        let Ok(time) = Timestamp::from_second(seconds) else { return false };
        let local = self.zone.to_datetime(time);
        let minute =
            u32::from(local.hour().unsigned_abs()) * 60 + u32::from(local.minute().unsigned_abs());
        let today = u32::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let on = |day: u32| self.days & (1 << (day % 7)) != 0;
        let end = self.from + self.len;
        (on(today) && (self.from..end).contains(&minute))
            || (on(today + 6) && (self.from..end).contains(&(minute + DAY)))
    }

    /// Whether every time of `other` is surely among them.
    pub(super) fn covers(&self, other: &Hours) -> bool {
        self.zone_name == other.zone_name
            && self.days & other.days == other.days
            && self.from <= other.from
            && other.from + other.len <= self.from + self.len
    }
}

/// `HH:MM` in minutes; `24:00` is the end of a day.
fn minute(text: &Text, faults: &mut Faults<'_>) -> Option<u32> {
    let digits = |part: &str| match part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) {
        true => part.parse::<u32>().ok(),
        false => None,
    };
    let read = text.get_ref().split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (digits(hour)?, digits(minute)?);
        (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
    });
    if read.is_none() {
        faults.add(
            &text.span(),
            format!("'{}' is no time of day", text.get_ref()),
            "write hours and minutes with two digits each, such as 08:00",
        );
    }
    read
}

const EVERY_DAY: u8 = 0x7f;
/// A day, minutes.
const DAY: u32 = 24 * 60;
