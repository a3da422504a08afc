//! A day of a web server's Combined access log: visitors come, fetch pages and what is on them, and
//! go. It must not know of files or compression.
//!
//! Of 1,000 lines 25 do not parse. A well-formed line always has three words in its request, and a
//! damaged one never has a number of three digits as its ninth word: so tools that split at white
//! space find the same groups as a real parser, and their speed can be compared. The price is that
//! the data flatters those tools; a parser's correctness is tested elsewhere.

use std::io::Write as _;

use crate::rng::Rng;
use crate::zipf::Zipf;

const HOSTS: usize = 60_000;
const PAGES: usize = 20_000;
const ASSETS: usize = 600;
const QUERIES: usize = 120_000;
const VISITS: usize = 80;

const AGENTS: [&str; 14] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 Edg/132.0.0.0",
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (\\\"quoted\\\"; like everything) Custom/1.0",
    "UniversalFeedParser/6.0 +https://github.com/kurtmckee/feedparser/",
    "curl/8.12.1",
    "-",
];
/// Which of `AGENTS` are crawlers: they fetch robots.txt and pages, never what is on them.
const BOTS: [usize; 3] = [6, 7, 11];
const SECTIONS: [&str; 8] = [
    "blog",
    "articles",
    "projects",
    "docs",
    "shop/items",
    "news",
    "presentations",
    "forum",
];
const WORDS: [&str; 16] = [
    "river", "stone", "mill", "grain", "wheel", "water", "harvest", "valley", "bridge", "winter",
    "field", "market", "engine", "carrier", "letter", "garden",
];
const KINDS: [(&str, &str); 5] = [
    ("images", "png"),
    ("images", "jpg"),
    ("static/js", "js"),
    ("static/css", "css"),
    ("fonts", "woff2"),
];
const SITE: &str = "https://www.example.com";

/// What never changes on the site: its visitors' names, its pages and their sizes.
pub(crate) struct Site {
    hosts: Vec<String>,
    pages: Vec<(String, usize)>,
    assets: Vec<(String, usize)>,
    host_law: Zipf,
    page_law: Zipf,
    asset_law: Zipf,
    query_law: Zipf,
}

impl Site {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, &[0x7369_7465]);
        let hosts = (0..HOSTS).map(|_| host(&mut rng)).collect();
        let pages = (0..PAGES)
            .map(|n| {
                let path = if n == 0 {
                    "/".to_owned()
                } else {
                    format!(
                        "/{}/{}-{}-{n}{}",
                        rng.pick(&SECTIONS),
                        rng.pick(&WORDS),
                        rng.pick(&WORDS),
                        if rng.per_mille(500) { "/" } else { ".html" }
                    )
                };
                (path, 2_000 + rng.below(60_000))
            })
            .collect();
        let assets = (0..ASSETS)
            .map(|n| {
                let (folder, end) = rng.pick(&KINDS);
                let path = format!("/{folder}/{}-{n}.{end}", rng.pick(&WORDS));
                (path, 300 + rng.below(200_000))
            })
            .collect();
        Site {
            hosts,
            pages,
            assets,
            host_law: Zipf::new(HOSTS, HOSTS),
            page_law: Zipf::new(PAGES, PAGES),
            asset_law: Zipf::new(ASSETS, ASSETS),
            query_law: Zipf::new(QUERIES, QUERIES),
        }
    }
}

fn host(rng: &mut Rng) -> String {
    let [a, b, c, d] = [
        1 + rng.below(222),
        rng.below(256),
        rng.below(256),
        rng.below(256),
    ];
    match rng.below(100) {
        0..4 => format!("2001:db8:{a:x}:{b:x}::{c:x}{d:02x}"),
        4..9 => format!("host-{a}-{b}-{c}-{d}.isp.example.net"),
        _ => format!("{a}.{b}.{c}.{d}"),
    }
}

/// One visitor on the site: the page they are on and what is left to fetch for it.
struct Visit {
    host: usize,
    agent: usize,
    page: usize,
    assets_left: usize,
    /// Assets of a page are always the same ones: this names the next.
    next_asset: u64,
    pages_left: usize,
    returning: bool,
    robots: bool,
}

/// The log of one day, `goal` bytes long (the last line may go over it).
pub(crate) struct Day<'a> {
    site: &'a Site,
    rng: Rng,
    visits: Vec<Visit>,
    day: usize,
    goal: u64,
    written: u64,
}

impl<'a> Day<'a> {
    /// `day` is the day of March 2025, 1 to 31.
    pub(crate) fn new(site: &'a Site, mut rng: Rng, day: usize, goal: u64) -> Self {
        let visits = (0..VISITS).map(|_| arrive(site, &mut rng)).collect();
        Day {
            site,
            rng,
            visits,
            day,
            goal,
            written: 0,
        }
    }

    /// Appends one line; false when the day is over.
    pub(crate) fn line(&mut self, out: &mut Vec<u8>) -> bool {
        if self.written >= self.goal {
            return false;
        }
        let start = out.len();
        self.request(out);
        if self.rng.per_mille(25) {
            self.damage(out, start);
        }
        out.push(b'\n');
        self.written += (out.len() - start) as u64;
        true
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        let (site, rng) = (self.site, &mut self.rng);
        let second = (u128::from(self.written) * 86_400 / u128::from(self.goal)) as u64;
        let at = rng.below(VISITS);
        let visit = &mut self.visits[at];
        let agent = AGENTS[visit.agent];
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        let _ = write!(
            out,
            "{} - {} [{:02}/Mar/2025:{h:02}:{m:02}:{s:02} +0000] \"",
            site.hosts[visit.host],
            if visit.host % 97 == 5 { "frank" } else { "-" },
            self.day,
        );
        let http = if visit.host.is_multiple_of(5) {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        };
        let page = &site.pages[visit.page];
        if visit.robots {
            visit.robots = false;
            let _ = write!(out, "GET /robots.txt {http}\" 200 214 \"-\" \"{agent}\"");
        } else if visit.assets_left > 0 {
            visit.assets_left -= 1;
            let mut choice = Rng::new(visit.next_asset, &[]);
            visit.next_asset += 1;
            let (path, size) = &site.assets[site.asset_law.draw(&mut choice)];
            let _ = if visit.returning && rng.per_mille(700) {
                write!(
                    out,
                    "GET {path} {http}\" 304 - \"{SITE}{}\" \"{agent}\"",
                    page.0
                )
            } else {
                write!(
                    out,
                    "GET {path} {http}\" 200 {size} \"{SITE}{}\" \"{agent}\"",
                    page.0
                )
            };
        } else {
            page_line(out, rng, site, visit, http);
            if visit.pages_left == 0 {
                self.visits[at] = arrive(site, rng);
            } else {
                visit.pages_left -= 1;
            }
        }
    }

    /// Turns the line that begins at `start` into one of the ways logs really break.
    fn damage(&mut self, out: &mut Vec<u8>, start: usize) {
        let rng = &mut self.rng;
        match rng.below(4) {
            // A torn write: cut inside the request at the latest, so that no status is left.
            0 | 1 => {
                let quote = out[start..].iter().position(|&b| b == b'"').unwrap_or(0);
                out.truncate(start + 1 + rng.below(quote + 8));
            }
            // A line of the error log in the wrong file.
            2 => {
                let host = out[start..]
                    .split(|&b| b == b' ')
                    .next()
                    .unwrap_or(b"-")
                    .to_vec();
                out.truncate(start);
                let _ = write!(
                    out,
                    "[Sat Mar {:02} 12:00:{:02} 2025] [error] [client {}] File does not exist: /var/www/{}",
                    self.day,
                    rng.below(60),
                    String::from_utf8_lossy(&host),
                    rng.pick(&WORDS),
                );
            }
            // Garbage, as after a power cut. One word, and ASCII: some tools refuse the whole file
            // at a byte that is not UTF-8.
            _ => {
                out.truncate(start);
                for _ in 0..20 + rng.below(100) {
                    out.push(rng.pick(b"\x02\x03\x7f#@~^{}0123abcxyz"));
                }
            }
        }
    }
}

/// A page, a search or a form, and afterwards the visitor is on that page.
fn page_line(out: &mut Vec<u8>, rng: &mut Rng, site: &Site, visit: &mut Visit, http: &str) {
    let agent = AGENTS[visit.agent];
    let from = visit.page;
    visit.page = site.page_law.draw(rng);
    let (path, size) = &site.pages[visit.page];
    let referer = if BOTS.contains(&visit.agent) {
        "-".to_owned()
    } else {
        format!("{SITE}{}", site.pages[from].0)
    };
    visit.next_asset = visit.page as u64;
    visit.assets_left = if BOTS.contains(&visit.agent) {
        0
    } else {
        4 + visit.page % 9
    };
    let _ = match rng.below(1000) {
        0..60 => {
            let n = site.query_law.draw(rng);
            let (a, b) = (WORDS[n % 16], WORDS[n / 16 % 16]);
            write!(
                out,
                "GET /search?q={a}+{b}&id={n} {http}\" 200 {}",
                4_000 + n % 5_000
            )
        }
        60..75 => write!(out, "POST /login {http}\" 302 {}", 310 + rng.below(9)),
        75..85 => write!(out, "POST /comments {http}\" 201 58"),
        85..115 => write!(out, "GET /old{path} {http}\" 404 1245"),
        115..135 => write!(out, "GET {path} {http}\" 301 {}", 200 + path.len()),
        135..140 => write!(out, "GET /admin/{} {http}\" 403 199", rng.pick(&WORDS)),
        140..148 => write!(out, "GET {path} {http}\" 500 611"),
        148..152 => write!(out, "POST /login {http}\" 503 323"),
        152..160 => write!(out, "HEAD {path} {http}\" 200 -"),
        160..170 => write!(out, "GET {path} {http}\" 206 {}", rng.below(*size)),
        _ => write!(out, "GET {path} {http}\" 200 {size}"),
    };
    let _ = write!(out, " \"{referer}\" \"{agent}\"");
}

fn arrive(site: &Site, rng: &mut Rng) -> Visit {
    let host = site.host_law.draw(rng);
    let agent = Rng::new(host as u64, &[1]).below(AGENTS.len());
    let bot = BOTS.contains(&agent);
    Visit {
        host,
        agent,
        page: site.page_law.draw(rng),
        assets_left: 0,
        next_asset: 0,
        pages_left: if bot {
            10 + rng.below(40)
        } else {
            rng.below(5)
        },
        returning: rng.per_mille(300),
        robots: bot && rng.per_mille(600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_forty_is_damaged_and_no_damaged_line_has_a_status() {
        let site = Site::new(3);
        let mut day = Day::new(&site, Rng::new(3, &[1]), 1, 3_000_000);
        let (mut line, mut good, mut bad, mut robots) = (Vec::new(), 0u32, 0u32, 0u32);
        while day.line(&mut line) {
            let words: Vec<&[u8]> = line.split(|b| b.is_ascii_whitespace()).collect();
            let status = words.get(8).copied().unwrap_or(b"");
            let whole = line.ends_with(b"\"\n") && line.windows(3).any(|w| w == b"] \"");
            if status.len() == 3 && status.iter().all(u8::is_ascii_digit) {
                assert!(whole, "{}", String::from_utf8_lossy(&line));
                good += 1;
                robots += u32::from(words[6] == b"/robots.txt");
            } else {
                let quotes = line.iter().filter(|&&b| b == b'"').count();
                assert!(quotes <= 1, "{}", String::from_utf8_lossy(&line));
                bad += 1;
            }
            line.clear();
        }
        let share = f64::from(bad) / f64::from(good + bad);
        assert!((0.02..0.03).contains(&share), "{share}");
        assert!(
            robots > good / 2000 && robots < good / 50,
            "{robots} of {good}"
        );
    }
}
