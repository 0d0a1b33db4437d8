// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Blocks of secret memory: slabs of one size of block each, and mappings of their own for what is
//! larger. It imports this room's `lock` and `pages`.
//!
//! A slab begins with its header, found from a block by its address. Everything that changes is in one
//! page that the kernel zeroes in a forked child, and zeros are the state of a process that has no slab
//! yet: the child begins with slabs of its own (locks on pages are not inherited), whatever the
//! parent's threads were doing. A block of the parent's is wiped when the child frees it, and not used
//! again.

use super::lock::Lock;
use super::pages::{self, ALIGNED, Fork};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Whose memory it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// This library's secrets: a forked child finds zeros.
    Secrets,
    /// OpenSSL's memory, which a forked child cannot do without.
    OpenSsl,
}

impl Pool {
    pub(super) const COUNT: usize = 2;

    fn fork(self) -> Fork {
        match self {
            Pool::Secrets => Fork::Wiped,
            Pool::OpenSsl => Fork::Kept,
        }
    }
}

/// Free blocks, each pointing to the next.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    first: *mut Link,
    /// How many there are.
    pub(super) len: u32,
}

struct Link(*mut Link);

impl Chain {
    pub(super) const EMPTY: Chain = Chain { first: ptr::null_mut(), len: 0 };

    /// Puts a block in front.
    ///
    /// # Safety
    /// The block is a zeroed one of a slab, and nobody's.
    pub(super) unsafe fn push(&mut self, block: NonNull<u8>) {
        let link: *mut Link = block.as_ptr().cast();
        // SAFETY: blocks are aligned and large enough for a link, and this one is nobody's.
        unsafe { link.write(Link(self.first)) };
        *self = Chain { first: link, len: self.len + 1 };
    }

    /// Takes the first block, zeroed.
    pub(super) fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.first)?;
        // SAFETY: a block of the chain is nobody's but the chain's.
        let Link(next) = unsafe { block.as_ptr().replace(Link(ptr::null_mut())) };
        *self = Chain { first: next, len: self.len - 1 };
        Some(block.cast())
    }
}

/// The first bytes of every slab and of every mapping for one block.
#[repr(C, align(64))]
struct Slab {
    /// Of the process that made it; zero where the kernel wiped it.
    epoch: u64,
    /// The length of a block.
    size: usize,
    class: u16,
    pool: Pool,
    /// Blocks in use.
    used: u32,
    /// Blocks that were ever in use.
    begun: u32,
    free: Chain,
    next: *mut Slab,
    previous: *mut Slab,
}

/// What changes, in a page that is zero in a forked child.
#[repr(C)]
struct State {
    lock: Lock,
    epoch: AtomicU64,
    lists: UnsafeCell<[Lists; Pool::COUNT]>,
}

#[repr(C)]
struct Lists {
    /// Slabs with free blocks, by class.
    partial: [*mut Slab; CLASSES],
    /// Slabs without a used block.
    empty: *mut Slab,
    empties: usize,
}

/// The index of the smallest class whose blocks have `len` bytes.
pub(super) fn class_of(len: usize) -> Option<usize> {
    match SHORTCUT.get(len.div_ceil(UNIT)) {
        Some(class) => Some(usize::from(*class)),
        None => Some(SIZES.partition_point(|size| *size < len)).filter(|class| *class < CLASSES),
    }
}

/// The length of a class's blocks.
pub(super) fn size_of_class(class: usize) -> usize {
    SIZES.get(class).copied().unwrap_or(usize::MAX)
}

/// The number of this process: another one in a forked child.
pub(super) fn epoch() -> Option<u64> {
    let state = state()?;
    match state.epoch.load(Ordering::Relaxed) {
        0 => {
            let _held = state.lock.hold();
            if state.epoch.load(Ordering::Relaxed) == 0 {
                let next = EPOCHS.fetch_add(1, Ordering::Relaxed) + 1;
                state.epoch.store(next, Ordering::Relaxed);
            }
            Some(state.epoch.load(Ordering::Relaxed))
        }
        epoch => Some(epoch),
    }
}

/// In a forked child: what the kernel has done already, where it knows how.
pub(super) fn begin_again() {
    if let Some(state) = NonNull::new(STATE.load(Ordering::Acquire)) {
        // SAFETY: the child has one thread as yet, and the page is valid when it is zero.
        unsafe { state.as_ptr().cast::<u8>().write_bytes(0, size_of::<State>()) };
    }
}

/// Takes up to `count` free blocks of a class, at least one.
pub(super) fn take(pool: Pool, class: usize, count: u32) -> Option<Chain> {
    let (state, epoch) = (state()?, epoch()?);
    loop {
        let chain = state.take(pool, class, count)?;
        if chain.len > 0 {
            return Some(chain);
        }
        // No lock is held over the kernel's work.
        let slab = pages::map(ALIGNED, pool.fork())?;
        state.add(pool, class, epoch, slab);
    }
}

/// Gives back zeroed blocks of this process, whatever their classes.
pub(super) fn give(mut chain: Chain) {
    let Some(state) = state() else { return };
    while chain.len > 0 {
        let mut spare: *mut Slab = ptr::null_mut();
        {
            let _held = state.lock.hold();
            while spare.is_null() {
                let Some(block) = chain.pop() else { break };
                // SAFETY: a block of a slab of this process; the lock is held.
                spare = unsafe { state.put(block) };
            }
        }
        if let Some(slab) = NonNull::new(spare) {
            // SAFETY: the slab has no used block and is in no list.
            unsafe { pages::unmap(slab.cast(), ALIGNED) };
        }
    }
}

/// A mapping for one block.
pub(super) fn take_large(pool: Pool, len: usize) -> Option<NonNull<u8>> {
    let len = len.checked_add(HEADER)?.checked_next_multiple_of(ALIGNED)?;
    let epoch = epoch()?;
    let slab = pages::map(len, pool.fork())?;
    // SAFETY: the mapping is new, aligned, and longer than a header.
    unsafe {
        slab.cast().write(Slab::new(pool, LARGE, epoch, len - HEADER));
        Some(slab.add(HEADER))
    }
}

/// The length that a block has.
///
/// # Safety
/// The block came from this allocator and was not given back.
pub(super) unsafe fn size_of_block(block: NonNull<u8>) -> usize {
    // SAFETY: a block's slab has a header, or zeros in its place.
    unsafe { (*slab_of(block)).size }
}

/// Where a block that its owner gives up belongs.
pub(super) enum Home {
    /// In a slab of this process.
    Slab(Pool, usize),
    /// It was a mapping of its own, and is gone.
    Gone,
    /// In what a forked child inherited: it stays as it is.
    Inherited,
}

/// Wipes a block that its owner gives up, and says where it belongs.
///
/// # Safety
/// The block came from this allocator, was not given back, and is not used again.
pub(super) unsafe fn wipe(block: NonNull<u8>) -> Home {
    let slab = slab_of(block);
    // SAFETY: the header is there, or zeros, which is a length of nothing; what is read of it does not
    // change while one of its blocks is in use.
    unsafe {
        let (size, class, pool) = ((*slab).size, (*slab).class, (*slab).pool);
        block.as_ptr().write_bytes(0, size);
        // Whatever follows, the zeros are written.
        std::hint::black_box(block.as_ptr());
        if Some((*slab).epoch) != epoch() {
            return Home::Inherited;
        }
        if class == LARGE {
            pages::unmap(NonNull::new_unchecked(slab.cast()), size + HEADER);
            return Home::Gone;
        }
        Home::Slab(pool, usize::from(class))
    }
}

fn slab_of(block: NonNull<u8>) -> *mut Slab {
    block.as_ptr().map_addr(|address| address & !(ALIGNED - 1)).cast()
}

impl Slab {
    fn new(pool: Pool, class: u16, epoch: u64, size: usize) -> Slab {
        Slab {
            epoch,
            size,
            class,
            pool,
            used: 0,
            begun: 0,
            free: Chain::EMPTY,
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
        }
    }

    fn room(&self) -> u32 {
        ((ALIGNED - HEADER) / self.size) as u32
    }

    /// Takes a free block, preferring one that was in use before.
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = match self.free.pop() {
            Some(block) => block,
            None if self.begun < self.room() => {
                let offset = HEADER + self.begun as usize * self.size;
                self.begun += 1;
                // SAFETY: the offset lies in the slab, whose first bytes this header is.
                NonNull::new(unsafe { ptr::from_mut(self).cast::<u8>().add(offset) })?
            }
            None => return None,
        };
        self.used += 1;
        Some(block)
    }
}

impl State {
    /// Takes up to `count` blocks that are free already. None where there is no such class.
    fn take(&self, pool: Pool, class: usize, count: u32) -> Option<Chain> {
        let mut chain = Chain::EMPTY;
        let _held = self.lock.hold();
        // SAFETY: the lock is held; slabs in the lists are live and of this process.
        unsafe {
            let lists = self.lists(pool);
            let first: *mut *mut Slab = (*lists).partial.get_mut(class)?;
            if (*first).is_null() && !(*lists).empty.is_null() {
                let slab = (*lists).empty;
                (*lists).empty = (*slab).next;
                (*lists).empties -= 1;
                slab.write(Slab::new(pool, class as u16, (*slab).epoch, size_of_class(class)));
                link(first, slab);
            }
            while let (true, Some(slab)) = (chain.len < count, (*first).as_mut()) {
                match slab.pop() {
                    Some(block) => chain.push(block),
                    None => unlink(first, slab),
                }
            }
        }
        Some(chain)
    }

    /// Adds a new mapping as a slab of a class.
    fn add(&self, pool: Pool, class: usize, epoch: u64, start: NonNull<u8>) {
        let slab: *mut Slab = start.as_ptr().cast();
        let _held = self.lock.hold();
        // SAFETY: the mapping is new and aligned; the lock is held.
        unsafe {
            slab.write(Slab::new(pool, class as u16, epoch, size_of_class(class)));
            if let Some(first) = (*self.lists(pool)).partial.get_mut(class) {
                link(first, slab);
            }
        }
    }

    /// Puts a block back into its slab; returns the slab where it is empty and one too many.
    ///
    /// # Safety
    /// The block is zeroed, of a slab of this process, and nobody's; the lock is held.
    unsafe fn put(&self, block: NonNull<u8>) -> *mut Slab {
        let slab = slab_of(block);
        // SAFETY: by this function's contract; a slab with a used block is live.
        unsafe {
            let lists = self.lists((*slab).pool);
            let Some(first) = (*lists).partial.get_mut(usize::from((*slab).class)) else {
                return ptr::null_mut();
            };
            if (*slab).used == (*slab).room() && !listed(*first, slab) {
                link(first, slab);
            }
            (*slab).free.push(block);
            (*slab).used -= 1;
            if (*slab).used > 0 {
                return ptr::null_mut();
            }
            unlink(first, slab);
            if (*lists).empties >= KEPT {
                return slab;
            }
            // What it holds of links must not be taken for blocks of another size.
            let begun = (*slab).begun as usize * (*slab).size;
            slab.cast::<u8>().add(HEADER).write_bytes(0, begun);
            (*slab).next = (*lists).empty;
            (*lists).empty = slab;
            (*lists).empties += 1;
        }
        ptr::null_mut()
    }

    /// The lists of a pool, for who holds the lock.
    fn lists(&self, pool: Pool) -> *mut Lists {
        // SAFETY: there is one for every pool.
        unsafe { self.lists.get().cast::<Lists>().add(pool as usize) }
    }
}

/// Whether a full slab is in the list: it leaves the list when somebody looks for more in it.
unsafe fn listed(first: *mut Slab, slab: *mut Slab) -> bool {
    // SAFETY: the caller holds the lock, and the slab is live.
    first == slab || unsafe { !(*slab).previous.is_null() }
}

/// Puts a slab at the front of a list.
unsafe fn link(first: *mut *mut Slab, slab: *mut Slab) {
    // SAFETY: the caller holds the lock; slabs in lists are live.
    unsafe {
        (*slab).previous = ptr::null_mut();
        (*slab).next = *first;
        if let Some(next) = (*first).as_mut() {
            next.previous = slab;
        }
        *first = slab;
    }
}

/// Takes a slab out of its list.
unsafe fn unlink(first: *mut *mut Slab, slab: *mut Slab) {
    // SAFETY: the caller holds the lock; slabs in lists are live.
    unsafe {
        let (next, previous) = ((*slab).next, (*slab).previous);
        match previous.as_mut() {
            Some(previous) => previous.next = next,
            None => *first = next,
        }
        if let Some(next) = next.as_mut() {
            next.previous = previous;
        }
        (*slab).next = ptr::null_mut();
        (*slab).previous = ptr::null_mut();
    }
}

/// The page of what changes, mapped at the first use.
fn state() -> Option<&'static State> {
    let found = STATE.load(Ordering::Acquire);
    // SAFETY: null, or a page that is never unmapped and is valid when it is zero.
    if let Some(state) = unsafe { found.as_ref() } {
        return Some(state);
    }
    let page = pages::map_state(size_of::<State>())?;
    let made: *mut State = page.as_ptr().cast();
    match STATE.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: as above.
        Ok(_) => unsafe { made.as_ref() },
        Err(other) => {
            // SAFETY: nobody has seen the page; as above for the other one.
            unsafe {
                pages::unmap_state(page, size_of::<State>());
                other.as_ref()
            }
        }
    }
}

/// Process-wide, as the heap is: they hold no state of a token.
static STATE: AtomicPtr<State> = AtomicPtr::new(ptr::null_mut());
/// Counts the processes on the way from the first to this one. A child inherits it.
static EPOCHS: AtomicU64 = AtomicU64::new(0);

const HEADER: usize = size_of::<Slab>();
/// Marks a mapping for one block.
const LARGE: u16 = u16::MAX;
/// Empty slabs of a pool that are kept for later.
const KEPT: usize = 4;
const UNIT: usize = 16;
/// The lengths of blocks; those of the larger classes fill a slab without much of a rest.
const SIZES: [usize; CLASSES] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024,
    1280, 1536, 1792, 2176, 2720, 3264, 4080, 5440, 6528, 8160, 10896, 16352, 21808, 32704,
];
const CLASSES: usize = 34;
/// Classes up to 1 KiB, which threads keep a few blocks of.
pub(super) const SMALL: usize = 20;
const SHORTCUT: [u8; 65] = shortcut();

#[allow(clippy::indexing_slicing, reason = "run by the compiler, which refuses a wrong index")]
const fn shortcut() -> [u8; 65] {
    let mut table = [0; 65];
    let (mut unit, mut class) = (0, 0);
    while unit < table.len() {
        if unit * UNIT > SIZES[class] {
            class += 1;
        }
        table[unit] = class as u8;
        unit += 1;
    }
    table
}
