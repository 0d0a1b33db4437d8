// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The calls that sequences are made of, valid and not.

use crate::common::*;
use proptest::prelude::*;

/// A session: one that was opened before, counted modulo how many there are and one more, which is a
/// handle that was never given out.
pub type S = usize;
/// An object, counted in the same way.
pub type K = usize;

/// A call.
#[derive(Clone, Debug)]
pub enum Call {
    Open { read_write: bool },
    Close(S),
    CloseAll,
    Info(S),
    Login(S, Who, bool),
    Logout(S),
    Create(S, Kind, bool),
    Destroy(S, K),
    Init(S, Op, Mech, K, Sig),
    InitNull(S, Op),
    Whole(S, Op, Data, Room, Sig),
    Part(S, Op, Data, Room),
    Last(S, Op, Room, Sig),
    DigestKey(S, K),
    Dual(S, Dual, Data, Room),
    Cancel(S, CK_FLAGS),
    Save(S, Room),
    Restore(S, usize, bool, bool),
    FindInit(S),
    Find(S, bool),
    FindFinal(S),
    Random(S, usize),
    ManyInit(S, Many, Mech, K),
    ManyNull(S, Many),
    Message(S, Many, Data, Room, Sig, Envelope),
    MessageBegin(S, Many, Envelope),
    MessagePart(S, Many, Data, Room, Envelope),
    MessageLast(S, Many, Data, Room, Sig, Envelope),
    ManyFinal(S, Many),
}

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    So,
    User,
    Context,
    Nobody,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An AES key that may do everything and can be digested.
    Aes,
    /// An AES key that may not encrypt or decrypt.
    Idle,
    /// An AES key that is sensitive.
    Sensitive,
    /// A generic secret.
    Generic,
    /// The private half of a pair on P-256.
    Private,
    /// The same, and each use wants the PIN.
    Guarded,
    /// The public half.
    Public,
    /// No key.
    Data,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
    /// A verification whose signature comes first.
    Ahead,
}

/// A kind of process of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
}

/// A mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mech {
    Ecb,
    Cbc,
    Pad,
    Ctr,
    Gcm,
    Hmac,
    Ecdsa,
    EcdsaSha256,
    Sha256,
    Sha3,
    Unknown,
}

/// A function that feeds two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dual {
    DigestEncrypt,
    DecryptDigest,
    SignEncrypt,
    DecryptVerify,
}

/// Input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    Bytes(usize),
    /// NULL and a length.
    Null,
    /// NULL and no length.
    Nothing,
    /// For a decryption, what was really encrypted, of so many bytes.
    Sealed(usize),
}

/// Where the output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Null,
    Short,
    Exact,
    Large,
    /// No place for the length either.
    NoLength,
}

/// A signature to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sig {
    Right,
    Wrong,
    Short,
    Null,
}

/// The parameter of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// The nonce is given.
    Given,
    /// The nonce is made by the token.
    Made,
    /// The structure is a byte too long.
    Wrong,
}

/// The length of sequences.
pub const LONGEST: usize = 60;

/// Sequences of calls.
pub fn sequences() -> impl Strategy<Value = (bool, Vec<Call>)> {
    (prop::bool::weighted(0.95), prop::collection::vec(call(), 1..LONGEST))
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        24 => sessions(),
        14 => objects(),
        70 => operations(),
        10 => others(),
        30 => messages(),
    ]
}

/// A login costs the time of testing a PIN, so what needs one afterwards is rare.
fn sessions() -> impl Strategy<Value = Call> {
    prop_oneof![
        60 => any::<bool>().prop_map(|read_write| Call::Open { read_write }),
        16 => s().prop_map(Call::Close),
        1 => Just(Call::CloseAll),
        16 => s().prop_map(Call::Info),
        1 => (s(), who(), prop::bool::weighted(0.9)).prop_map(|(s, who, right)| Call::Login(s, who, right)),
        14 => (s(), prop::bool::weighted(0.9)).prop_map(|(s, right)| Call::Login(s, Who::Context, right)),
        1 => s().prop_map(Call::Logout),
    ]
}

fn objects() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => (s(), kind(), any::<bool>()).prop_map(|(s, kind, private)| Call::Create(s, kind, private)),
        2 => (s(), k()).prop_map(|(s, k)| Call::Destroy(s, k)),
    ]
}

fn operations() -> impl Strategy<Value = Call> {
    prop_oneof![
        16 => (s(), op(), k(), sig(), any::<usize>()).prop_map(|(s, op, k, sig, n)| {
            let mechs = fitting(op);
            Call::Init(s, op, mechs[n % mechs.len()], k, sig)
        }),
        2 => (s(), op(), mech(), k(), sig()).prop_map(|(s, op, mech, k, sig)| Call::Init(s, op, mech, k, sig)),
        2 => (s(), op()).prop_map(|(s, op)| Call::InitNull(s, op)),
        10 => (s(), op(), data(), room(), sig()).prop_map(|(s, op, data, room, sig)| Call::Whole(s, op, data, room, sig)),
        20 => (s(), op(), data(), room()).prop_map(|(s, op, data, room)| Call::Part(s, op, data, room)),
        10 => (s(), op(), room(), sig()).prop_map(|(s, op, room, sig)| Call::Last(s, op, room, sig)),
        2 => (s(), k()).prop_map(|(s, k)| Call::DigestKey(s, k)),
        8 => (s(), dual(), data(), room()).prop_map(|(s, dual, data, room)| Call::Dual(s, dual, data, room)),
        3 => (s(), 0..256_u32).prop_map(|(s, bits)| Call::Cancel(s, flags(bits))),
    ]
}

fn others() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => (s(), room()).prop_map(|(s, room)| Call::Save(s, room)),
        2 => (s(), 0..4_usize, prop::bool::weighted(0.1), prop::bool::weighted(0.1))
            .prop_map(|(s, n, forged, key)| Call::Restore(s, n, forged, key)),
        1 => s().prop_map(Call::FindInit),
        2 => (s(), prop::bool::weighted(0.9)).prop_map(|(s, count)| Call::Find(s, count)),
        1 => s().prop_map(Call::FindFinal),
        1 => (s(), 0..40_usize).prop_map(|(s, n)| Call::Random(s, n)),
    ]
}

fn messages() -> impl Strategy<Value = Call> {
    prop_oneof![
        5 => (s(), many(), k(), any::<usize>()).prop_map(|(s, many, k, n)| {
            let mechs: &[Mech] = match many {
                Many::Sign | Many::Verify => &[Mech::Hmac, Mech::Hmac, Mech::Hmac, Mech::Ecdsa, Mech::Ecb],
                _ => &[Mech::Gcm, Mech::Gcm, Mech::Gcm, Mech::Cbc, Mech::Unknown],
            };
            Call::ManyInit(s, many, mechs[n % mechs.len()], k)
        }),
        1 => (s(), many()).prop_map(|(s, many)| Call::ManyNull(s, many)),
        6 => (s(), many(), data(), room(), sig(), envelope())
            .prop_map(|(s, many, data, room, sig, e)| Call::Message(s, many, data, room, sig, e)),
        5 => (s(), many(), envelope()).prop_map(|(s, many, e)| Call::MessageBegin(s, many, e)),
        6 => (s(), many(), data(), room(), envelope())
            .prop_map(|(s, many, data, room, e)| Call::MessagePart(s, many, data, room, e)),
        6 => (s(), many(), data(), room(), sig(), envelope())
            .prop_map(|(s, many, data, room, sig, e)| Call::MessageLast(s, many, data, room, sig, e)),
        1 => (s(), many()).prop_map(|(s, many)| Call::ManyFinal(s, many)),
    ]
}

/// The mechanisms that serve an operation.
pub fn fitting(op: Op) -> &'static [Mech] {
    match op {
        Op::Encrypt | Op::Decrypt => &[Mech::Ecb, Mech::Cbc, Mech::Pad, Mech::Ctr, Mech::Gcm],
        Op::Digest => &[Mech::Sha256, Mech::Sha3],
        Op::Sign | Op::Verify | Op::Ahead => {
            &[Mech::Hmac, Mech::Hmac, Mech::Ecdsa, Mech::EcdsaSha256]
        }
    }
}

fn flags(bits: u32) -> CK_FLAGS {
    let all = [
        CKF_ENCRYPT,
        CKF_DECRYPT,
        CKF_DIGEST,
        CKF_SIGN,
        CKF_VERIFY,
        CKF_FIND_OBJECTS,
        CKF_MESSAGE_SIGN | CKF_MESSAGE_ENCRYPT,
        CKF_MESSAGE_VERIFY | CKF_MESSAGE_DECRYPT | CKF_SIGN_RECOVER,
    ];
    (0..8).filter(|bit| bits & (1 << bit) != 0).fold(0, |flags, bit| flags | all[bit])
}

fn s() -> impl Strategy<Value = S> {
    // Mostly the first one or two, so that calls meet.
    prop_oneof![8 => Just(0_usize), 4 => Just(1), 1 => 2..6_usize]
}

fn k() -> impl Strategy<Value = K> {
    prop_oneof![10 => 0..6_usize, 3 => 6..10_usize]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![2 => Just(Who::So), 4 => Just(Who::User), 1 => Just(Who::Nobody)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::Aes),
        1 => Just(Kind::Idle),
        1 => Just(Kind::Sensitive),
        4 => Just(Kind::Generic),
        2 => Just(Kind::Private),
        2 => Just(Kind::Guarded),
        1 => Just(Kind::Public),
        1 => Just(Kind::Data),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Encrypt),
        Just(Op::Decrypt),
        Just(Op::Digest),
        Just(Op::Sign),
        Just(Op::Verify),
        Just(Op::Ahead)
    ]
}

fn many() -> impl Strategy<Value = Many> {
    prop_oneof![Just(Many::Encrypt), Just(Many::Decrypt), Just(Many::Sign), Just(Many::Verify)]
}

fn mech() -> impl Strategy<Value = Mech> {
    prop_oneof![
        Just(Mech::Ecb),
        Just(Mech::Gcm),
        Just(Mech::Hmac),
        Just(Mech::Ecdsa),
        Just(Mech::Sha256),
        Just(Mech::Unknown)
    ]
}

fn dual() -> impl Strategy<Value = Dual> {
    prop_oneof![
        Just(Dual::DigestEncrypt),
        Just(Dual::DecryptDigest),
        Just(Dual::SignEncrypt),
        Just(Dual::DecryptVerify)
    ]
}

fn data() -> impl Strategy<Value = Data> {
    let lengths = prop_oneof![3 => (0..6_usize).prop_map(|n| 16 * n), 3 => 0..90_usize];
    prop_oneof![
        30 => lengths.clone().prop_map(Data::Bytes),
        8 => lengths.prop_map(Data::Sealed),
        1 => Just(Data::Null),
        3 => Just(Data::Nothing),
    ]
}

fn room() -> impl Strategy<Value = Room> {
    prop_oneof![
        3 => Just(Room::Null),
        3 => Just(Room::Short),
        8 => Just(Room::Exact),
        5 => Just(Room::Large),
        1 => Just(Room::NoLength),
    ]
}

fn sig() -> impl Strategy<Value = Sig> {
    prop_oneof![6 => Just(Sig::Right), 3 => Just(Sig::Wrong), 1 => Just(Sig::Short), 1 => Just(Sig::Null)]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    prop_oneof![8 => Just(Envelope::Given), 6 => Just(Envelope::Made), 1 => Just(Envelope::Wrong)]
}
