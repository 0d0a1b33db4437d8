// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The keys of a token, sealed to those who hold them. It imports `super::keys` and what all of this
//! room may.
//!
//! A PIN opens the seed of a pair of its holder's; the token's keys are sealed to that pair, each on its
//! own. So who has the token's keys can renew them for everyone, without anyone's PIN, and who has the
//! token key alone can renew that.
//!
//! Anyone can seal to a public key. What is sealed here opens only if whoever sealed it knew the
//! holder's *proof*, which comes of the seed and rests sealed under the key in question: so nobody who
//! does not have that key already gives a holder another in its place, nor puts a pair of their own in
//! the place of the holder's.

use super::keys::{Holds, KEY};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::kem::{self, Decapsulator};
use crate::mechanism::primitive;
use crate::secret::Secret;

/// One of a token's keys, with its generation.
pub(super) type Numbered<'a> = (u32, &'a Secret);

/// Which of a token's keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Token,
    Use,
}

/// What a holder's record has of the token's keys.
pub(super) struct Shares {
    /// The holder's encapsulation key.
    public: Vec<u8>,
    token: Share,
    uses: Option<Share>,
}

/// One key, sealed to a holder.
struct Share {
    ciphertext: Vec<u8>,
    /// The key.
    sealed: Vec<u8>,
    /// The holder's proof and their encapsulation key, under the key.
    proof: Vec<u8>,
}

impl Shares {
    /// A new pair for a holder, as its seed, and the keys sealed to it. `context` says whose it is.
    pub(super) fn create(
        context: &[u8],
        token: Numbered<'_>,
        uses: Option<Numbered<'_>>,
    ) -> Result<(Secret, Shares)> {
        let (public, seed) = kem::generate()?;
        let share = |which, key| {
            let proof = proof(&seed, context, which)?;
            Share::create(&Bound { context, which, public: &public }, &proof, key)
        };
        let token = share(Which::Token, token)?;
        let uses = uses.map(|uses| share(Which::Use, uses)).transpose()?;
        Ok((seed, Shares { public, token, uses }))
    }

    /// The key of this generation, as the holder of the seed opens it; none of a kind that they do not
    /// hold.
    pub(super) fn open(
        &self,
        seed: &Secret,
        context: &[u8],
        (which, generation): (Which, u32),
    ) -> Result<Option<Secret>> {
        let Some(share) = self.share(which) else { return Ok(None) };
        let bound = Bound { context, which, public: &self.public };
        let shared = Decapsulator::new(seed)?.decapsulate(&share.ciphertext)?;
        let place = bound.place(generation, &share.ciphertext);
        let key = wrapping(&shared, &proof(seed, context, which)?, &place)?;
        primitive::open(&key, &place, &share.sealed).map(Some)
    }

    /// Seals a new key to the holder in the place of the old; nothing where they do not hold it.
    pub(super) fn renew(
        &mut self,
        context: &[u8],
        which: Which,
        old: Numbered<'_>,
        new: Numbered<'_>,
    ) -> Result<()> {
        let public = &self.public;
        let share = match which {
            Which::Token => &mut self.token,
            Which::Use => match &mut self.uses {
                Some(share) => share,
                None => return Ok(()),
            },
        };
        let bound = Bound { context, which, public };
        let proof = primitive::open(old.1, &bound.proof_place(old.0), &share.proof)?;
        *share = Share::create(&bound, &proof, new)?;
        Ok(())
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.public);
        for share in [Some(&self.token), self.uses.as_ref()].into_iter().flatten() {
            writer.bytes(&share.ciphertext).bytes(&share.sealed).bytes(&share.proof);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, holds: Holds) -> Result<Shares> {
        let public = reader.bytes()?.to_vec();
        let token = Share::decode(reader)?;
        let uses = (holds == Holds::Both).then(|| Share::decode(reader)).transpose()?;
        Ok(Shares { public, token, uses })
    }

    fn share(&self, which: Which) -> Option<&Share> {
        match which {
            Which::Token => Some(&self.token),
            Which::Use => self.uses.as_ref(),
        }
    }
}

impl Share {
    fn create(bound: &Bound<'_>, proof: &Secret, (generation, key): Numbered<'_>) -> Result<Share> {
        let (ciphertext, shared) = kem::encapsulate(bound.public)?;
        let place = bound.place(generation, &ciphertext);
        let sealed = primitive::seal(&wrapping(&shared, proof, &place)?, &place, key.expose())?;
        let proof = primitive::seal(key, &bound.proof_place(generation), proof.expose())?;
        Ok(Share { ciphertext, sealed, proof })
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Share> {
        Ok(Share {
            ciphertext: reader.bytes()?.to_vec(),
            sealed: reader.bytes()?.to_vec(),
            proof: reader.bytes()?.to_vec(),
        })
    }
}

/// What a share is bound to.
struct Bound<'a> {
    context: &'a [u8],
    which: Which,
    public: &'a [u8],
}

impl Bound<'_> {
    fn place(&self, generation: u32, ciphertext: &[u8]) -> Vec<u8> {
        self.begun(b"share", generation).bytes(ciphertext).finish()
    }

    fn proof_place(&self, generation: u32) -> Vec<u8> {
        self.begun(b"proof", generation).finish()
    }

    fn begun(&self, what: &[u8], generation: u32) -> Writer {
        let mut writer = Writer::default();
        writer.raw(self.context).raw(what).raw(self.which.name());
        writer.u32(generation).bytes(self.public);
        writer
    }
}

impl Which {
    fn name(self) -> &'static [u8] {
        match self {
            Which::Token => b" of token key",
            Which::Use => b" of use key",
        }
    }
}

/// What shows that a key comes from who had the one before.
fn proof(seed: &Secret, context: &[u8], which: Which) -> Result<Secret> {
    let info = Writer::default().raw(context).raw(b"proof").raw(which.name()).finish();
    primitive::hkdf_sha256(seed.expose(), &[], &info, KEY)
}

fn wrapping(shared: &Secret, proof: &Secret, place: &[u8]) -> Result<Secret> {
    primitive::hkdf_sha256(shared.expose(), proof.expose(), place, KEY)
}

/// What a share that does not open means.
pub(super) fn altered(_: Error) -> Error {
    tracing::error!("the keys of a holder were altered: run 'strongroom check'");
    Error::DeviceError
}
