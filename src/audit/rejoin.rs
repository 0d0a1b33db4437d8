// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Going on with a log whose head is lost: another chain begins behind the lines that there are, with a
//! record that says so for ever.
//!
//! Nobody has the key that those lines were written with, so nothing is believed of them and nothing is
//! mended: who has the old chain's first key checks them as before. How many are missing at their
//! end only the store's binding tells, and checkpoints that a witness keeps.

use super::auditors::{Auditor, keep};
use super::chain::ChainKey;
use super::facts::Facts;
use super::head::{Head, KeyHolder, Seals};
use super::log::Log;
use super::reading::micros;
use super::record::{Detail, Entry};
use super::recovery::{BROKEN, Whole, names};
use super::segments::{self, Place, put_anew};
use super::signer;
use super::writer::{OWN, Position, Writer, boot, failed, now};
use crate::config;
use crate::error::{Error, Result};
use crate::files;
use crate::mechanism::primitive;
use crate::secret::Secret;
use std::fs::File;
use std::sync::Arc;

/// Where a log is gone on with.
struct Rest {
    segment: u64,
    file: File,
    whole: Whole,
    /// Bytes behind the last whole line.
    cut: u64,
    /// The time of the last record.
    time: u64,
}

/// The key that a log rests under, and who knows of others.
type Known<'a> = (&'a Secret, Option<&'a Arc<dyn KeyHolder>>);

impl Log {
    /// Whether the head of a log is lost: not there, not this store's, or a copy from before another
    /// chain began; or the lines that it counts are. An error where that cannot be told, or the log
    /// cannot be written.
    pub fn is_lost(place: &Place, (key, holder): Known<'_>) -> Result<bool> {
        if !place.head().try_exists().map_err(failed)? {
            return Ok(true);
        }
        let known = (key, holder.cloned());
        match Log::open_with(place.clone(), known, config::Audit::default()) {
            Ok(_) => Ok(false),
            Err(Error::Altered) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Goes on with a log whose head is lost, and records that it was. `bound` is the record that the
    /// store's last change was bound to. Returns where that record is. `FunctionFailed` where the head is
    /// not lost (any more).
    pub fn rejoin(
        place: &Place,
        (key, holder): Known<'_>,
        bound: u64,
        auditors: &[Auditor],
    ) -> Result<Position> {
        files::make_directory(&place.directory, place.access)?;
        let _alone = files::lock_directory(&place.directory)?;
        if !Log::is_lost(place, (key, holder))? {
            return Err(Error::FunctionFailed);
        }
        if let (Some(holder), true) = (holder, place.signer().try_exists().map_err(failed)?) {
            signer::bring(place, &Seals::new(key, place.store)?, &holder.keys()?.former)?;
        }
        files::make_directory(&place.checkpoints(), place.access)?;
        match rest(place)? {
            Some(rest) => behind(place, key, (rest, bound), auditors),
            // A kill before the last of this leaves a log of which the store's binding tells the same.
            None => {
                files::remove_if_there(&place.head())?;
                Log::create_in(place, key, auditors)?;
                let outcome = Error::DeviceError.name();
                let details = [Detail::Lost(bound)];
                let entry = Entry { op: BROKEN, outcome, details: &details, ..OWN };
                let mut writer = Writer::new(place.clone(), key, config::Audit::default())?;
                writer.turn(|turn| {
                    turn.put(&entry, None)?;
                    turn.sync()?;
                    Ok(turn.position())
                })
            }
        }
    }
}

/// The last segment that has a whole line; none where no line is left.
fn rest(place: &Place) -> Result<Option<Rest>> {
    for segment in place.segments()?.into_iter().rev() {
        let file = place.open_segment(segment)?;
        let Some(whole) = Whole::of(&file, u64::MAX, |_| Ok(()))?.filter(|whole| whole.offset > 0)
        else {
            continue;
        };
        let cut = segments::length(&file)?.saturating_sub(whole.offset);
        let last = Facts::of(&whole.last);
        let time = last.and_then(|last| micros(&last.time)).and_then(|time| time.try_into().ok());
        return Ok(Some(Rest { segment, file, whole, cut, time: time.unwrap_or_default() }));
    }
    Ok(None)
}

/// Begins another chain behind lines. There is a head as soon as its first record is there: who is
/// interrupted begins again, behind one record more at most.
fn behind(
    place: &Place,
    key: &Secret,
    (rest, bound): (Rest, u64),
    auditors: &[Auditor],
) -> Result<Position> {
    let Rest { segment, file, whole, cut, time } = rest;
    let Whole { tree, mac, offset, .. } = whole;
    let seals = Seals::new(key, place.store)?;
    let (seq, chain) = (tree.size(), ChainKey::random()?);
    let kept = keep(place, &seals, (seq + 1, &chain), auditors)?;
    put_anew(place, &place.broken(seq + 1), kept.as_bytes())?;
    files::sync_directory(&place.directory)?;
    file.set_len(offset).map_err(failed)?;
    let now = now();
    let checkpoint = place.all_checkpoints()?.into_iter().rfind(|size| *size <= seq).unwrap_or(0);
    let mut head = Head::first(chain, now, boot()?);
    (head.seq, head.mac, head.tree, head.time) = (seq, mac, tree, time);
    (head.segment, head.offset, head.turning) = (segment, offset, false);
    head.checkpoint = (checkpoint, now);
    let temporary = place.directory.join("new-head");
    files::remove_if_there(&temporary)?;
    let page = files::create(&temporary, place.access, &[])?;
    let mut writer = Writer::new(place.clone(), key, config::Audit::default())?;
    let mut turn = writer.apart(head, page)?;
    let keys = primitive::sha256(kept.as_bytes())?;
    let names = names(auditors.iter().map(|auditor| auditor.name.as_str()));
    let lost = bound.saturating_sub(seq);
    let mut details = vec![Detail::Keys(&keys), Detail::Subject(&names)];
    details.extend(Some(lost).filter(|lost| *lost > 0).map(Detail::Lost));
    details.extend(Some(cut).filter(|cut| *cut > 0).map(Detail::Cut));
    let outcome = Error::DeviceError.name();
    turn.put(&Entry { op: BROKEN, outcome, details: &details, ..OWN }, None)?;
    turn.sync()?;
    let position = turn.position();
    // What comes is in a segment of its own, so that a check can begin behind the break.
    turn.note(|head| head.turning = true);
    turn.store()?;
    turn.file.sync_all().map_err(failed)?;
    std::fs::rename(&temporary, place.head()).map_err(failed)?;
    files::sync_directory(&place.directory)?;
    Ok(position)
}
