// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Encoding: the width-independent integers and length-prefixed strings of our own records, and
//! the little DER that PKCS #11 attributes are made of. It imports `error` alone.

use crate::error::{Error, Result};

/// Writes integers big-endian and byte strings behind a 32-bit length.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty record that begins with its format version.
    pub fn versioned(version: u8) -> Writer {
        Writer(vec![version])
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Writer {
        self.0.push(value);
        self
    }

    /// Appends a 32-bit integer.
    pub fn u32(&mut self, value: u32) -> &mut Writer {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends a 64-bit integer.
    pub fn u64(&mut self, value: u64) -> &mut Writer {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Writer {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a byte string behind its length.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Writer {
        // A value longer than 4 GiB cannot come in: templates are bounded far below.
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.raw(bytes)
    }

    /// The record.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Writes the same into memory that is there already, and is as long as what is written: a record with
/// secrets is made where it stays.
pub struct Filler<'a>(&'a mut [u8]);

impl<'a> Filler<'a> {
    /// Begins at the first byte.
    pub fn new(place: &'a mut [u8]) -> Filler<'a> {
        Filler(place)
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> Result<&mut Filler<'a>> {
        self.raw(&[value])
    }

    /// Appends a 32-bit integer.
    pub fn u32(&mut self, value: u32) -> Result<&mut Filler<'a>> {
        self.raw(&value.to_be_bytes())
    }

    /// Appends a 64-bit integer.
    pub fn u64(&mut self, value: u64) -> Result<&mut Filler<'a>> {
        self.raw(&value.to_be_bytes())
    }

    /// Appends a byte string behind its length.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<&mut Filler<'a>> {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX))?.raw(bytes)
    }

    /// That the place is full.
    pub fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::GeneralError) }
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<&mut Filler<'a>> {
        let place = std::mem::take(&mut self.0);
        let (here, rest) = place.split_at_mut_checked(bytes.len()).ok_or(Error::GeneralError)?;
        here.copy_from_slice(bytes);
        self.0 = rest;
        Ok(self)
    }
}

/// Reads what [`Writer`] wrote; every length is checked before anything is taken.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// Begins after the format version, which must be `version`.
    pub fn versioned(bytes: &'a [u8], version: u8) -> Result<Reader<'a>> {
        let mut reader = Reader(bytes);
        if reader.u8()? != version {
            return Err(Error::TokenNotRecognized);
        }
        Ok(reader)
    }

    /// Begins after the format version, which must be one of these; and the version.
    pub fn of_versions(
        bytes: &'a [u8],
        known: std::ops::RangeInclusive<u8>,
    ) -> Result<(u8, Reader<'a>)> {
        let mut reader = Reader(bytes);
        let version = reader.u8()?;
        if known.contains(&version) {
            Ok((version, reader))
        } else {
            Err(Error::TokenNotRecognized)
        }
    }

    /// The next `n` bytes as they are.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Error::DeviceError)?;
        self.0 = rest;
        Ok(head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 32-bit integer.
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 64-bit integer.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A byte string behind its length.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()?;
        self.raw(len as usize)
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.raw(N)?.try_into().map_err(|_| Error::DeviceError)
    }

    /// What is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::DeviceError) }
    }
}

/// CRC-64 (ECMA-182): not reflected, beginning with zero, the result as it is.
pub fn crc64(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x42f0_e1eb_a9ea_3693;
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u64::from(*byte) << 56), |crc, _| {
            let carry = if crc >> 63 == 1 { POLYNOMIAL } else { 0 };
            (crc << 1) ^ carry
        })
    })
}

/// A moment as the clock of a token tells it: year, month, day, hour, minute and second in UTC, and
/// two zeros (PKCS #11, section "Clock").
pub fn utc_digits(moment: std::time::SystemTime) -> String {
    let since = moment.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let (mut days, second) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let mut year = 1970;
    while days >= year_days(year) {
        days -= year_days(year);
        year += 1;
    }
    let february = year_days(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}{month:02}{:02}{hour:02}{minute:02}{:02}00", days + 1, second % 60)
}

/// The day of a moment, counted from 1 January 1970 in UTC.
pub fn day_of(moment: std::time::SystemTime) -> i64 {
    let since = moment.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / DAY).unwrap_or(i64::MAX)
}

/// The day of a date of eight digits (`CK_DATE`), counted alike; none where it is no day of the
/// calendar. (The Gregorian calendar in years that begin in March, so that a leap day ends its year.)
pub fn day_of_date(date: &[u8]) -> Option<i64> {
    if date.len() != 8 || !date.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |range| std::str::from_utf8(date.get(range)?).ok()?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let last = match month {
        2 => year_days(u64::try_from(year).ok()?) as i64 - 337,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(365 * year + leap_days + in_year - BEFORE_1970)
}

fn year_days(year: u64) -> u64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if leap { 366 } else { 365 }
}

/// Seconds of a day.
pub const DAY: u64 = 24 * 60 * 60;
/// Days from 1 March of the year 0 to 1 January 1970.
const BEFORE_1970: i64 = 719_468;

/// DER, as far as attribute values need it (X.690): one TLV with a definite, minimal length.
pub mod der {
    /// Tag of an INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// Tag of an OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// Tag of an OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// Tag of a PrintableString.
    pub const PRINTABLE_STRING: u8 = 0x13;
    /// Tag of a SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;

    /// `content` behind its tag and length.
    pub fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            short @ 0..=0x7f => out.push(short as u8),
            long => {
                let bytes = long.to_be_bytes();
                let skip = bytes.iter().take_while(|b| **b == 0).count();
                let digits = bytes.get(skip..).unwrap_or_default();
                out.push(0x80 | digits.len() as u8);
                out.extend_from_slice(digits);
            }
        }
        out.extend_from_slice(content);
        out
    }

    /// The content of the first TLV, which must have this tag, and what follows it.
    pub fn read(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (&found, rest) = bytes.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if found != tag {
            return None;
        }
        if first < 0x80 {
            return rest.split_at_checked(usize::from(first));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        let len = digits.iter().fold(0usize, |len, digit| (len << 8) | usize::from(*digit));
        // DER knows one encoding of a length, the shortest.
        if len < 0x80 || digits.first() == Some(&0) {
            return None;
        }
        rest.split_at_checked(len)
    }

    /// The content of a single TLV with nothing after it.
    pub fn only(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
        read(tag, bytes).and_then(|(content, rest)| rest.is_empty().then_some(content))
    }
}
