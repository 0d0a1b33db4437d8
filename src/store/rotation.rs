// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token's record says of a rotation of its keys that is under way. It imports `codec` and
//! `error` alone.

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};

/// A rotation under way: the keys before, for what rests under them still.
pub(super) struct Rotation {
    /// Whether everything beneath the keys is renewed too.
    pub(super) whole: bool,
    /// The token key before, sealed under the one now.
    pub(super) token: Vec<u8>,
    /// The same of the use key, where it is renewed too.
    pub(super) uses: Option<Former>,
}

/// The use key before.
pub(super) struct Former {
    /// The use key before, sealed under the one now.
    pub(super) key: Vec<u8>,
    /// The seed of its pair for deposits, sealed under it.
    pub(super) seed: Vec<u8>,
}

impl Rotation {
    pub(super) fn encode(rotation: Option<&Rotation>, writer: &mut Writer) {
        let Some(rotation) = rotation else {
            writer.u8(NONE);
            return;
        };
        writer.u8(if rotation.whole { WHOLE } else { PLAIN }).bytes(&rotation.token);
        writer.u8(u8::from(rotation.uses.is_some()));
        if let Some(former) = &rotation.uses {
            writer.bytes(&former.key).bytes(&former.seed);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<Rotation>> {
        let whole = match reader.u8()? {
            NONE => return Ok(None),
            PLAIN => false,
            WHOLE => true,
            _ => return Err(Error::DeviceError),
        };
        let token = reader.bytes()?.to_vec();
        let uses = match reader.u8()? {
            0 => None,
            1 => Some(Former { key: reader.bytes()?.to_vec(), seed: reader.bytes()?.to_vec() }),
            _ => return Err(Error::DeviceError),
        };
        Ok(Some(Rotation { whole, token, uses }))
    }
}

const NONE: u8 = 0;
const PLAIN: u8 = 1;
const WHOLE: u8 = 2;
