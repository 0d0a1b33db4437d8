// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may call what: one table of roles and function groups. It imports `config`, `error` and `types`.
//!
//! The table is asked where the library begins a call on a session; `docs/roles.md` is made from it.
//! What a role may do is besides what the specification's own rules let it: the table takes, it never
//! gives.

use crate::call;
use crate::config::Separation;
use crate::error::{Error, Result};
use crate::types::Role;

/// Who calls, as the token sees it: the columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody has logged in.
    Nobody,
    /// The same, on a strict token.
    NobodyStrict,
    /// The security officer.
    Officer,
    /// The user without a name, on a standard token.
    User,
    /// A named operator, and the user without a name on a strict token.
    Operator,
    /// A manager.
    Manager,
    /// An auditor.
    Auditor,
    /// A custodian.
    Custodian,
}

/// All columns, in their order.
pub const CALLERS: &[Caller] = &[
    Caller::Nobody,
    Caller::NobodyStrict,
    Caller::Officer,
    Caller::User,
    Caller::Operator,
    Caller::Manager,
    Caller::Auditor,
    Caller::Custodian,
];

/// How far a right reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Not at all.
    Nothing,
    /// To objects that end with their session: those made, and those worked on.
    Session,
    /// To all.
    All,
}

impl Caller {
    /// How whoever is logged in stands towards a token.
    pub fn of(role: Option<Role>, separation: Separation) -> Caller {
        match (role, separation) {
            (None, Separation::Standard) => Caller::Nobody,
            (None, Separation::Strict) => Caller::NobodyStrict,
            (Some(Role::So), _) => Caller::Officer,
            (Some(Role::User), Separation::Standard) => Caller::User,
            (Some(Role::User), Separation::Strict) => Caller::Operator,
            (Some(Role::Operator), _) => Caller::Operator,
            (Some(Role::Manager), _) => Caller::Manager,
            (Some(Role::Auditor), _) => Caller::Auditor,
            (Some(Role::Custodian), _) => Caller::Custodian,
        }
    }

    /// What it is called in the documentation and on the diagnostic channel.
    pub fn name(self) -> &'static str {
        match self {
            Caller::Nobody => "nobody",
            Caller::NobodyStrict => "nobody (strict)",
            Caller::Officer => "security officer",
            Caller::User => "user (standard)",
            Caller::Operator => "operator, user (strict)",
            Caller::Manager => "manager",
            Caller::Auditor => "auditor",
            Caller::Custodian => "custodian",
        }
    }
}

impl Group {
    /// How far a caller's right to these functions reaches.
    pub fn reach(self, caller: Caller) -> Reach {
        let column = CALLERS.iter().position(|known| *known == caller);
        column.and_then(|at| self.row().reach.get(at)).copied().unwrap_or(Reach::Nothing)
    }

    /// Refuses a caller who may not call these functions at all.
    pub fn check(self, caller: Caller) -> Result<()> {
        match self.reach(caller) {
            Reach::Nothing => Err(self.refuse(caller)),
            Reach::Session | Reach::All => Ok(()),
        }
    }

    /// Refuses a caller who may not do this with such an object: one that rests in the token, or not.
    pub fn check_object(self, caller: Caller, on_token: bool) -> Result<()> {
        match self.reach(caller) {
            Reach::All => Ok(()),
            Reach::Session if !on_token => Ok(()),
            Reach::Session | Reach::Nothing => Err(self.refuse(caller)),
        }
    }

    /// Whether everyone may call these functions.
    pub fn open(self) -> bool {
        self.row().reach.iter().all(|reach| *reach == Reach::All)
    }

    /// Its row.
    pub fn row(self) -> &'static Row {
        // As many rows as variants, in their order: the macro writes both.
        TABLE.get(self as usize).unwrap_or(&NOWHERE)
    }

    fn refuse(self, caller: Caller) -> Error {
        tracing::warn!(
            role = caller.name(),
            "refused to this role on this token: to {}; docs/roles.md has the table",
            self.row().what
        );
        call::denied_by("role", caller.name());
        self.row().refusal
    }
}

/// A group of functions.
pub struct Row {
    /// What they are for.
    pub what: &'static str,
    /// What a call is told that the table refuses: a code that the specification has for it.
    pub refusal: Error,
    /// How far each caller reaches, in the order of [`CALLERS`].
    pub reach: [Reach; 8],
    /// The functions of the specification; none where the command alone does it. Those that go on with what others began ask no more: who may not begin has
    /// nothing to go on with.
    pub functions: &'static [&'static str],
}

const NOWHERE: Row =
    Row { what: "", refusal: Error::GeneralError, reach: [Reach::Nothing; 8], functions: &[] };

macro_rules! groups {
    ($($variant:ident $what:literal $refusal:ident, $($reach:ident)+: $($function:ident)*;)*) => {
        /// Functions that the table treats alike.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each row says what it is for")]
        pub enum Group { $($variant,)* }

        /// All groups, in the order of the table.
        pub const GROUPS: &[Group] = &[$(Group::$variant,)*];

        static TABLE: &[Row] = &[$(Row {
            what: $what,
            refusal: Error::$refusal,
            reach: [$($reach),+],
            functions: &[$(stringify!($function)),*],
        },)*];
    };
}

use Reach::{All as A, Nothing as N, Session as S};

// Columns: nobody, nobody (strict), officer, user (standard), operator, manager, auditor, custodian.
#[rustfmt::skip]
groups! {
    Open "learn of library, slots and sessions, log in and out, digest, and draw random numbers" UserNotLoggedIn,
        A A A A A A A A: C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetInterfaceList C_GetInterface
        C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_GetMechanismList C_GetMechanismInfo C_InitToken
        C_WaitForSlotEvent C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_SessionCancel
        C_GetSessionValidationFlags C_GetOperationState C_SetOperationState C_Login C_LoginUser C_Logout
        C_SetPIN C_GetFunctionStatus C_CancelFunction C_AsyncComplete C_AsyncGetID C_AsyncJoin
        C_DigestInit C_Digest C_DigestUpdate C_DigestFinal C_SeedRandom C_GenerateRandom;
    UserPin "set the user's PIN" UserNotLoggedIn,
        N N A N N N N N: C_InitPIN;
    Read "find objects and read attributes" UserNotLoggedIn,
        A A A A A A A A: C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_GetAttributeValue C_GetObjectSize;
    Create "create objects" UserNotLoggedIn,
        A S A A S A N N: C_CreateObject;
    Copy "copy objects" UserNotLoggedIn,
        A S A A S A N N: C_CopyObject;
    Change "change attributes" UserNotLoggedIn,
        A S A A S A N N: C_SetAttributeValue;
    Destroy "destroy objects" ActionProhibited,
        A S A A S A N N: C_DestroyObject;
    Generate "generate keys" UserNotLoggedIn,
        A S A A S A N N: C_GenerateKey C_GenerateKeyPair;
    Encrypt "encrypt" KeyFunctionNotPermitted,
        A A A A A N N N: C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DigestEncryptUpdate
        C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal;
    Decrypt "decrypt" KeyFunctionNotPermitted,
        A A A A A N N N: C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal C_DecryptDigestUpdate
        C_DecryptVerifyUpdate C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
        C_MessageDecryptFinal;
    Sign "sign" KeyFunctionNotPermitted,
        A A A A A N N N: C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover
        C_SignEncryptUpdate C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext
        C_MessageSignFinal;
    Verify "verify" KeyFunctionNotPermitted,
        A A A A A N N N: C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover
        C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate C_VerifySignatureFinal
        C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal;
    DigestKey "digest keys" KeyIndigestible,
        A A A A A N N N: C_DigestKey;
    Wrap "wrap keys: the reach is to what is wrapped" UserNotLoggedIn,
        A S A A S N N N: C_WrapKey C_WrapKeyAuthenticated;
    Unwrap "unwrap keys" UserNotLoggedIn,
        A S A A S N N N: C_UnwrapKey C_UnwrapKeyAuthenticated;
    Derive "derive keys" UserNotLoggedIn,
        A S A A S N N N: C_DeriveKey;
    Encapsulate "share keys with the holder of a key" UserNotLoggedIn,
        A S A A S N N N: C_EncapsulateKey;
    Decapsulate "take keys that were shared" UserNotLoggedIn,
        A S A A S N N N: C_DecapsulateKey;
    RenewTokenKey "renew the token key" UserNotLoggedIn,
        N N A A A A N N: ;
    RenewAll "renew token key and use key, with everything beneath them" UserNotLoggedIn,
        N N A A A N N N: ;
    Discard "give up objects that are not as they were written" UserNotLoggedIn,
        N N A N N N N N: ;
}
