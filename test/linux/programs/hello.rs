// SPDX-License-Identifier: BSD-2-Clause
//
// Rust: threads, a channel, a panic caught, a map; the same output each time.
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

fn main() {
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..8u64)
        .map(|n| {
            let sender = sender.clone();
            thread::spawn(move || sender.send((n, (1..=1000 * (n + 1)).sum::<u64>())).unwrap())
        })
        .collect();
    drop(sender);
    let sums: BTreeMap<u64, u64> = receiver.iter().collect();
    for t in threads {
        t.join().unwrap();
    }
    std::panic::set_hook(Box::new(|_| ()));
    let caught = thread::spawn(|| -> u32 { panic!("on purpose") }).join().is_err();
    println!("hello from Rust {:?} {}", sums, caught);
}
