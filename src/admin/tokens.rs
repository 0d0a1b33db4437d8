// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tokens: listed, chosen, made.

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::listing::{KeyInfo, PinInfo, UserInfo, keys, pin, users};
use super::moment::utc;
use crate::config::{MAX_PIN, Mode, Separation, Token as Made};
use crate::error::Error;
use crate::safety::{Lifted, Safeguard};
use crate::secret::Secret;
use crate::session::slot_id;
use crate::store::{Token, Vault};
use crate::types::Holder;
use serde::Serialize;

/// A token, as a list shows it.
#[derive(Clone, Debug, Serialize)]
pub struct TokenInfo {
    /// Its slot.
    pub slot: u64,
    /// Its label.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// When it was made, UTC.
    pub created: String,
    /// `safe`, or `compatible` where a safeguard is lifted.
    pub mode: &'static str,
    /// The safeguards that are lifted.
    pub lifted: Vec<&'static str>,
    /// `standard` or `strict`.
    pub separation: &'static str,
    /// The user's PIN.
    pub user_pin: PinInfo,
    /// The security officer's PIN.
    pub so_pin: PinInfo,
    /// The shortest PIN that may be set, bytes.
    pub min_pin_length: u32,
    /// Wrong attempts after which a PIN is locked.
    pub max_failures: u32,
    /// Its own keys.
    pub keys: KeyInfo,
    /// Its named users.
    pub users: Vec<UserInfo>,
    #[serde(skip)]
    pub(super) use_key: bool,
    #[serde(skip)]
    pub(super) id: i64,
    #[serde(skip)]
    pub(super) made: u64,
}

impl TokenInfo {
    /// What to type for it after `--token`: its label where a shell takes that as it is.
    pub fn selector(&self) -> &str {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.label.chars().all(plain) { &self.label } else { &self.serial }
    }
}

/// Whether a token may be called so: 1 to 32 bytes (PKCS #11 keeps no more), padded with blanks.
pub fn check_label(label: &str) -> Outcome<()> {
    let good = (1..=LABEL).contains(&label.len())
        && label.trim() == label
        && !label.chars().any(char::is_control);
    if good {
        return Ok(());
    }
    Err(Failure::new(
        format!("'{}' cannot be the label of a token", label.escape_debug()),
        "a label has 1 to 32 bytes, no blank at either end and no control characters",
    ))
}

/// What a token of this mode is, with these safeguards lifted.
pub fn check_mode(mode: Mode, lift: &[Safeguard]) -> Outcome<Lifted> {
    if mode == Mode::Safe && !lift.is_empty() {
        return Err(Failure::new(
            "a safe token lifts no safeguard",
            "leave --lift away, or choose the mode 'compatible'",
        ));
    }
    Ok(Made { mode, lift: lift.to_vec(), separation: Separation::default() }.lifted())
}

impl Desk {
    /// All tokens; those that are not as they were written are left out, with a diagnostic line.
    pub fn tokens(&self) -> Outcome<Vec<TokenInfo>> {
        tokens_of(&self.opened.vault)
    }

    /// The token that someone means: by label, by serial number, by slot; or the only one there is.
    pub fn token(&self, wanted: Option<&str>) -> Outcome<TokenInfo> {
        token_of(&self.opened.vault, wanted)
    }

    /// Refuses the label of a token that is there already.
    pub fn check_label_free(&self, label: &str) -> Outcome<()> {
        match self.tokens()?.iter().find(|token| token.label == label) {
            None => Ok(()),
            Some(token) => Err(Failure::new(
                format!(
                    "there is a token '{label}' already (slot {}, serial {})",
                    token.slot, token.serial
                ),
                format!(
                    "use it, or choose another label; to empty it and begin anew, destroying its \
                     keys: 'pkcs11-tool --init-token --slot-index {} --label {label}' with its SO PIN",
                    token.slot
                ),
            )),
        }
    }

    /// Makes a token with both PINs.
    pub fn init_token(
        &self,
        label: &str,
        so_pin: &Secret,
        user_pin: &Secret,
    ) -> Outcome<TokenInfo> {
        check_label(label)?;
        self.check_label_free(label)?;
        let least = self.config().pin.min_length;
        check_pin(so_pin, least, "SO PIN")?;
        check_pin(user_pin, least, "user PIN")?;
        let mut padded = [b' '; LABEL];
        padded.iter_mut().zip(label.bytes()).for_each(|(place, byte)| *place = byte);
        let slot = self
            .new_slot(so_pin, padded)
            .map_err(|error| Failure::of(format!("cannot make the token '{label}'"), error))?;
        let made = self.tokens()?.into_iter().find(|token| token.slot == slot);
        let made =
            made.ok_or_else(|| Failure::of("cannot read the new token", Error::DeviceRemoved))?;
        self.log_in(&made, &Holder::So, so_pin)?.set_user_pin(user_pin)?;
        self.token(Some(&made.serial))
    }

    /// Makes a token in the slot at the end; where another process took it, in the next.
    fn new_slot(&self, so_pin: &Secret, label: [u8; LABEL]) -> crate::error::Result<u64> {
        let mut result = Err(Error::SlotIdInvalid);
        for _ in 0..RETRIES {
            let slots = self.library.slot_list(true, true)?;
            let slot = slots.last().copied().ok_or(Error::SlotIdInvalid)?;
            result = self.library.init_token(slot, so_pin.expose(), label).map(|()| slot);
            if result != Err(Error::SlotIdInvalid) {
                break;
            }
        }
        result.map(|slot| slot as u64)
    }
}

pub(super) fn info(token: &Token) -> TokenInfo {
    TokenInfo {
        slot: slot_id(token.id) as u64,
        label: token.name(),
        serial: token.serial(),
        created: utc(token.created),
        mode: if token.lifted == Lifted::default() { "safe" } else { "compatible" },
        lifted: token.lifted.names().collect(),
        separation: match token.separation {
            Separation::Standard => "standard",
            Separation::Strict => "strict",
        },
        user_pin: pin(token, &Holder::User),
        so_pin: pin(token, &Holder::So),
        min_pin_length: token.min_pin,
        max_failures: token.max_failures,
        keys: keys(token),
        users: users(token),
        use_key: token.has_use_key(),
        id: token.id,
        made: token.created,
    }
}

/// All tokens that are as they were written.
fn tokens_of(vault: &Vault) -> Outcome<Vec<TokenInfo>> {
    let tokens = vault.tokens().and_then(|tokens| {
        let some = !tokens.is_empty();
        let good: Vec<_> = tokens.into_iter().filter_map(|(_, token)| token.ok()).collect();
        if some && good.is_empty() { Err(Error::Altered) } else { Ok(good) }
    });
    let tokens = tokens.map_err(|error| Failure::of("cannot read the tokens", error))?;
    Ok(tokens.iter().map(info).collect())
}

/// The token of a store that someone means: as [`Desk::token`].
pub(super) fn token_of(vault: &Vault, wanted: Option<&str>) -> Outcome<TokenInfo> {
    let all = tokens_of(vault)?;
    let next = || format!("choose one with --token LABEL, SERIAL or SLOT: {}", names(&all));
    let Some(wanted) = wanted else {
        return match all.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Failure::new(
                "the store has no token yet",
                "'strongroom init --label NAME' makes one",
            )),
            several => Err(Failure::new(format!("the store has {} tokens", several.len()), next())),
        };
    };
    // A label that looks like a number is a label first.
    let ways: [&dyn Fn(&TokenInfo) -> bool; 3] =
        [&|token| token.label == wanted, &|token| token.serial == wanted, &|token| {
            token.slot.to_string() == wanted
        }];
    for way in ways {
        let found: Vec<_> = all.iter().filter(|token| way(token)).collect();
        match found.as_slice() {
            [] => {}
            [only] => return Ok((*only).clone()),
            _ => {
                let what = format!("several tokens are called '{wanted}'");
                return Err(Failure::new(what, next()));
            }
        }
    }
    Err(Failure::new(format!("there is no token '{wanted}'"), next()))
}

fn names(tokens: &[TokenInfo]) -> String {
    let name = |token: &TokenInfo| {
        format!("'{}' (serial {}, slot {})", token.label.escape_debug(), token.serial, token.slot)
    };
    tokens.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The length of a token's label, bytes.
const LABEL: usize = 32;
const RETRIES: usize = 8;

/// Refuses a new PIN before anything is changed for it.
pub fn check_pin(pin: &Secret, least: usize, name: &str) -> Outcome<()> {
    let next = format!("choose one of {least} to {MAX_PIN} bytes");
    if !(least..=MAX_PIN).contains(&pin.len()) {
        let what = if pin.len() < least { "short" } else { "long" };
        return Err(Failure::new(format!("the new {name} is too {what}"), next));
    }
    std::str::from_utf8(pin.expose())
        .map(drop)
        .map_err(|_| Failure::new(format!("the new {name} is not UTF-8 text"), next))
}
