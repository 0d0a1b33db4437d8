// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Stacks for calculations with secrets: OpenSSL's arithmetic has private numbers on the stack, so it is
//! given one that is locked, not dumped and overwritten, instead of the host's. It imports this room's
//! `pages`.
//!
//! As many stacks are kept as threads were ever inside at once. They lie in one reservation of addresses,
//! so that whoever stands on one is known by its address. A thread tries the same one first each time;
//! taking and putting back are an atomic operation each.
//!
//! What a call leaves is overwritten when keys go ([`wipe`]), not after each call: idle stacks at once, one
//! in use when its user returns. Each has the count of those events (the *era*) at which it was
//! overwritten last; who puts one back looks at the count afterwards, who overwrites counts before it
//! looks at the stacks, so that one of both sees the other.

use super::pages::{self, ALIGNED};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};

/// Runs a calculation with secrets, whose traces stay until [`wipe`] is called.
#[inline]
pub fn on_own_stack<R>(work: impl FnOnce() -> R) -> R {
    match Stack::take() {
        Place::Here => work(),
        Place::Stack(stack) => stack.run(work),
        Place::Nowhere => above_zeros(work),
    }
}

/// Runs a calculation with secrets and overwrites its traces: for what is seldom done, or with a secret
/// that does not stay.
pub fn on_clean_stack<R>(work: impl FnOnce() -> R) -> R {
    match Stack::take() {
        Place::Here => work(),
        Place::Stack(mut stack) => {
            stack.spent = true;
            stack.run(work)
        }
        Place::Nowhere => above_zeros(work),
    }
}

/// Whether there are stacks of our own, or calculations run on the host's, below which is overwritten
/// after each: for hosts that cannot do with the first.
pub fn use_own_stacks(allowed: bool) {
    ALLOWED.store(allowed, Relaxed);
}

/// Overwrites what calculations left on stacks that nobody uses now, and has those in use overwritten when
/// their users return. To be called when keys have gone.
pub fn wipe() {
    ERA.fetch_add(1, SeqCst);
    made().for_each(Slot::wipe);
}

/// In a forked child: locks are not inherited. What the parent's threads were on is left alone.
pub(super) fn begin_again() {
    for slot in made() {
        if let Some((slot, start)) = slot.claim() {
            pages::lock_touched(start, SIZE);
            slot.state.store(IDLE, Release);
        }
    }
}

/// Where a calculation is to run.
enum Place {
    /// The thread is on a stack of ours.
    Here,
    Stack(Stack),
    /// There is no memory for one, this kind of machine cannot switch, or the host must not.
    Nowhere,
}

/// A stack that is this thread's until it goes.
struct Stack {
    start: NonNull<u8>,
    /// Where it goes back to; none where more threads are inside than stacks are kept.
    slot: Option<&'static Slot>,
    /// To be overwritten when it goes back.
    spent: bool,
}

/// What is known of a stack that is kept. Apart by a cache line or two.
#[repr(align(128))]
struct Slot {
    state: AtomicU32,
    /// The era in which it was overwritten last.
    era: AtomicU32,
    start: AtomicPtr<u8>,
}

impl Stack {
    fn take() -> Place {
        let (here, arena) = (pointer().addr(), ARENA.load(Acquire).addr());
        if arena != 0 && here.wrapping_sub(arena) < MOST * STRIDE {
            return Place::Here;
        }
        if !ALLOWED.load(Relaxed) {
            return Place::Nowhere;
        }
        // Threads are some pages apart at least, so this is the thread's own number.
        let thread = (here >> 16) as u32;
        let count = MADE.load(Acquire);
        let first = ((u64::from(thread.wrapping_mul(SPREAD)) * count as u64) >> 32) as usize;
        for at in (first..count).chain(0..first) {
            if let Some((slot, start)) = SLOTS.get(at).and_then(Slot::claim) {
                return Place::Stack(Stack { start, slot: Some(slot), spent: false });
            }
        }
        Stack::make().map_or(Place::Nowhere, Place::Stack)
    }

    /// One more stack.
    #[cold]
    fn make() -> Option<Stack> {
        if !SWITCHES {
            return None;
        }
        let arena = reserve()?;
        for (at, slot) in SLOTS.iter().enumerate() {
            if slot.state.compare_exchange(NONE, BUSY, SeqCst, Relaxed).is_ok() {
                // SAFETY: the reservation has room for every slot, and this part is this slot's.
                let start = unsafe { arena.add(at * STRIDE + ALIGNED) };
                // SAFETY: as above, and nobody knows of it yet.
                if !unsafe { pages::open(start, SIZE) } {
                    slot.state.store(NONE, Release);
                    return None;
                }
                slot.start.store(start.as_ptr(), Relaxed);
                slot.era.store(ERA.load(SeqCst), Relaxed);
                MADE.fetch_max(at + 1, AcqRel);
                return Some(Stack { start, slot: Some(slot), spent: false });
            }
        }
        let start = pages::map(SIZE, pages::Fork::Kept)?;
        Some(Stack { start, slot: None, spent: true })
    }

    #[inline]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        // Nothing may unwind from one stack to the other.
        // SAFETY: the stack is this value's own, and the callback does not unwind.
        let result =
            unsafe { switched(self.start.as_ptr(), || catch_unwind(AssertUnwindSafe(work))) };
        drop(self);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Stack {
    #[inline]
    fn drop(&mut self) {
        match self.slot {
            Some(slot) => {
                if self.spent {
                    overwrite(self.start);
                }
                slot.put_back();
            }
            None => {
                overwrite(self.start);
                // SAFETY: it came from `map` with this length, and nobody is on it any more.
                unsafe { pages::unmap(self.start, SIZE) };
            }
        }
    }
}

impl Slot {
    /// Takes the stack if it is idle.
    #[inline]
    fn claim(&self) -> Option<(&Slot, NonNull<u8>)> {
        let idle = self.state.load(Relaxed) == IDLE
            && self.state.compare_exchange(IDLE, BUSY, SeqCst, Relaxed).is_ok();
        NonNull::new(self.start.load(Relaxed)).filter(|_| idle).map(|start| (self, start))
    }

    #[inline]
    fn put_back(&self) {
        self.state.swap(IDLE, SeqCst);
        if self.era.load(Relaxed) != ERA.load(SeqCst) {
            self.wipe();
        }
    }

    /// Overwrites the stack if it is idle.
    #[cold]
    fn wipe(&self) {
        if let Some((_, start)) = self.claim() {
            let era = ERA.load(SeqCst);
            overwrite(start);
            self.era.store(era, Relaxed);
            self.state.store(IDLE, Release);
        }
    }
}

fn made() -> impl Iterator<Item = &'static Slot> {
    SLOTS.iter().take(MADE.load(Acquire))
}

/// Writes zeros wherever something else is: what was never used is not touched.
fn overwrite(start: NonNull<u8>) {
    // SAFETY: a stack that is the caller's, and that nobody is on.
    let stack = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), SIZE) };
    for part in stack.chunks_exact_mut(ZEROS.len()) {
        if part != ZEROS {
            part.fill(0);
        }
    }
    // Whatever follows, the zeros are written.
    std::hint::black_box(stack);
}

/// Reserves the addresses of all stacks, once.
fn reserve() -> Option<NonNull<u8>> {
    if let Some(arena) = NonNull::new(ARENA.load(Acquire)) {
        return Some(arena);
    }
    let made = pages::reserve(MOST * STRIDE)?;
    match ARENA.compare_exchange(ptr::null_mut(), made.as_ptr(), AcqRel, Acquire) {
        Ok(_) => Some(made),
        Err(other) => {
            // SAFETY: nobody has seen the mapping just made.
            unsafe { pages::unmap_state(made, MOST * STRIDE) };
            NonNull::new(other)
        }
    }
}

/// Runs a calculation where there is no stack for it, and overwrites what it left below.
fn above_zeros<R>(work: impl FnOnce() -> R) -> R {
    let _zeros = Zeros;
    work()
}

/// Overwrites the stack below the function that holds it, when that returns.
struct Zeros;

impl Drop for Zeros {
    #[inline(never)]
    fn drop(&mut self) {
        let mut below = [0_u8; DEPTH];
        std::hint::black_box(&mut below);
    }
}

psm::psm_stack_manipulation! {
    yes {
        const SWITCHES: bool = true;

        /// # Safety
        /// `SIZE` bytes from `start` on are the caller's, and `work` does not unwind.
        #[inline]
        unsafe fn switched<R>(start: *mut u8, work: impl FnOnce() -> R) -> R {
            // SAFETY: by this function's contract; both ends are aligned to pages.
            unsafe { psm::on_stack(start, SIZE, work) }
        }

        #[inline]
        fn pointer() -> *mut u8 {
            psm::stack_pointer()
        }
    }
    no {
        const SWITCHES: bool = false;

        unsafe fn switched<R>(_: *mut u8, work: impl FnOnce() -> R) -> R {
            work()
        }

        fn pointer() -> *mut u8 {
            ptr::null_mut()
        }
    }
}

static SLOTS: [Slot; MOST] = [const {
    Slot {
        state: AtomicU32::new(NONE),
        era: AtomicU32::new(0),
        start: AtomicPtr::new(ptr::null_mut()),
    }
}; MOST];
/// Where the addresses of the stacks begin.
static ARENA: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
/// How many stacks there are, of those that are kept.
static MADE: AtomicUsize = AtomicUsize::new(0);
/// Whether they are used.
static ALLOWED: AtomicBool = AtomicBool::new(true);
/// Counts how often keys went.
static ERA: AtomicU32 = AtomicU32::new(0);

/// What may become of a slot: it gets a stack, which is idle or somebody's.
const NONE: u32 = 0;
const IDLE: u32 = 1;
const BUSY: u32 = 2;
/// Stacks that are kept. More threads at once get one each that goes with the call.
const MOST: usize = 128;
/// Bytes: the deepest calculation of `tests/crypto` takes an eighth; the rest is for handlers of
/// signals that the host runs on it.
const SIZE: usize = 128 << 10;
/// From one stack to the next; between them is what nobody can touch.
const STRIDE: usize = SIZE + ALIGNED;
/// Spreads numbers of threads: 2^32 over the golden ratio.
const SPREAD: u32 = 0x9e37_79b9;
const ZEROS: [u8; 4096] = [0; 4096];
/// Bytes: deeper than what OpenSSL leaves there.
const DEPTH: usize = 16 << 10;
