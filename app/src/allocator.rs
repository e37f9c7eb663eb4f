//! The page's allocator: a plain list of free blocks, three kilobytes smaller
//! than the standard library's. A page has few blocks and one thread.

use lol_alloc::{FreeListAllocator, LockedAllocator};

#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> =
    LockedAllocator::new(FreeListAllocator::new());
