// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Times of records, always with their zone: as they are asked for, and as they are shown.

use crate::admin::failure::{Failure, Outcome};
use crate::audit::reading::micros;
use crate::policy::rules::seconds;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ZonedDateTime};

/// A zone that times are shown in.
pub struct Zone(TimeZone);

impl Zone {
    /// A zone by its name, such as `Europe/Berlin`.
    pub fn named(name: &str) -> Outcome<Zone> {
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| {
            Failure::new(
                format!("there is no time zone '{name}'"),
                "give a name of the IANA's database, such as UTC or Europe/Berlin",
            )
        })?;
        Ok(Zone(zone))
    }

    /// A record's time in this zone, with the offset; as it is where it is none.
    pub fn show(&self, time: &str) -> String {
        let shown = micros(time).and_then(|micros| Timestamp::from_microsecond(micros).ok());
        match shown {
            Some(moment) => moment
                .to_zoned_datetime(self.0.clone())
                .strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")
                .to_string(),
            None => time.to_string(),
        }
    }
}

/// A moment that someone names, microseconds since 1970: a time with its zone, or how long ago.
pub fn moment(text: &str) -> Outcome<i64> {
    if let Some(time) = micros(text) {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<ZonedDateTime>() {
        return Ok(time.timestamp().as_microsecond());
    }
    if let Some(ago) = seconds(text) {
        let ago = i64::try_from(ago).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        return Ok(Timestamp::now().as_microsecond().saturating_sub(ago));
    }
    Err(Failure::new(
        format!("'{text}' is no time with a zone"),
        "write date, time and offset or zone, such as 2026-03-01T12:00:00Z, \
         2026-03-01T12:00:00+01:00 or 2026-03-01T12:00[Europe/Berlin]; or how long ago, such as 90s, \
         15m, 1h, 2d",
    ))
}
