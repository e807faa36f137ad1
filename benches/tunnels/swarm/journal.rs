//! What becomes of the agents of a swarm.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::order::Standing;
use crate::shared::monotonic;

/// The tunnels of each agent, and when those that are followed have moved.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The number of the first agent.
    first: u64,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Whose tunnels are followed.
    proxy: u64,
    pages: Vec<Page>,
}

/// What is known of one agent.
#[derive(Clone, Debug, Default)]
struct Page {
    /// The proxies it has a tunnel to.
    tunnels: Vec<u64>,
    /// How many tunnels it had when it was first followed; 0 if none of them was to the proxy.
    had: usize,
    /// When it had as many elsewhere.
    moved: Option<i64>,
}

impl Journal {
    /// Nothing is known yet of the agents from this number on.
    pub(crate) fn new(first: u64) -> Self {
        Self { first, book: Mutex::default() }
    }

    /// Notes the tunnels of an agent.
    pub(crate) fn note(&self, number: u64, tunnels: Vec<u64>) {
        let (mut book, now) = (self.book(), monotonic());
        let proxy = book.proxy;
        let place = usize::try_from(number - self.first).expect("a swarm fits into memory");
        if book.pages.len() <= place {
            book.pages.resize(place + 1, Page::default());
        }
        let page = &mut book.pages[place];
        page.tunnels = tunnels;
        if page.had > 0 && page.moved.is_none() && page.elsewhere(proxy) >= page.had {
            page.moved = Some(now);
        }
    }

    /// Follows the agents that have a tunnel to a proxy, and tells how many those are.
    pub(crate) fn follow(&self, proxy: u64) -> u64 {
        let mut book = self.book();
        book.proxy = proxy;
        for page in &mut book.pages {
            page.had = if page.tunnels.contains(&proxy) { page.tunnels.len() } else { 0 };
            page.moved = None;
        }
        book.pages.iter().filter(|page| page.had > 0).count() as u64
    }

    /// How all of them stand.
    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for page in &self.book().pages {
            *standing.agents.entry(page.tunnels.len() as u64).or_default() += 1;
            page.tunnels.iter().for_each(|proxy| *standing.tunnels.entry(*proxy).or_default() += 1);
            standing.unmoved += u64::from(page.had > 0 && page.moved.is_none());
        }
        standing
    }

    /// When each that is followed had as many tunnels elsewhere, by number.
    pub(crate) fn moves(&self) -> Vec<(u64, Option<i64>)> {
        let book = self.book();
        let followed = (self.first..).zip(&book.pages).filter(|(_, page)| page.had > 0);
        followed.map(|(number, page)| (number, page.moved)).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    /// Tunnels to others than `proxy`.
    fn elsewhere(&self, proxy: u64) -> usize {
        self.tunnels.iter().filter(|tunnel| **tunnel != proxy).count()
    }
}
