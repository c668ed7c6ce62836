/* opload.c - closed-loop HTTP/1.1 flow driver for OpenID Provider benchmarks.
 *
 * Runs the plan file that bench.plan writes: N virtual users (VUs), one
 * keep-alive connection each, every VU working through a `prelude` once (log in,
 * obtain tokens) and then through a `loop` until the time is up.  A step is
 * either one templated request (`req`) or a small browser (`nav`) that follows
 * redirects, keeps cookies and fills HTML forms until it is sent to the
 * redirect_uri.  Client assertions and DPoP proofs are signed (ES256) where a
 * template names them.  One thread, epoll, libc and OpenSSL's libcrypto:
 *
 *     cc -O2 -Wall -o opload opload.c -lcrypto
 *     ./opload plan.txt            -> JSON on stdout
 *
 * With `slots N` the loop is played hop by hop: every VU makes the first step
 * of N flows, then waits for all others, then makes the second of the same N,
 * and so on; each flow keeps what it captured.  `STAGE name` on stdout ends a
 * hop, and a line on stdin begins the next: between them CPU can be read.
 *
 * Traffic goes to 127.0.0.0/8 only (enforced below); no TLS on purpose.
 * The plan format is what bench/plan.py writes and `load` below reads.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MAXV 96     /* variables */
#define MAXSTEP 24
#define MAXRULE 12
#define MAXSET 16
#define MAXCOOKIE 24
#define MAXHOPS 20
#define MAXORIGIN 8
#define MAXJWT 8
#define RBUF_MAX (8u << 20)

static void die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("opload: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}
static void *xrealloc(void *p, size_t n) {
    p = realloc(p, n ? n : 1);
    if (!p) die("out of memory");
    return p;
}
static char *xstrndup(const char *s, size_t n) {
    char *p = xrealloc(NULL, n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}
#define xstrdup(s) xstrndup((s), strlen(s))

/* ---------------------------------------------------------------- buffers */
typedef struct { char *p; size_t n, cap; } Buf;
static void breserve(Buf *b, size_t extra) {
    if (b->n + extra + 1 > b->cap) {
        b->cap = (b->n + extra + 1) * 2 + 256;
        b->p = xrealloc(b->p, b->cap);
    }
}
static void badd(Buf *b, const char *s, size_t n) {
    breserve(b, n);
    memcpy(b->p + b->n, s, n);
    b->n += n;
    b->p[b->n] = 0;
}
static void bstr(Buf *b, const char *s) { badd(b, s, strlen(s)); }
static void burl(Buf *b, const char *s, size_t n) {
    static const char hex[] = "0123456789ABCDEF";
    breserve(b, n * 3);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            c == '-' || c == '_' || c == '.' || c == '~')
            b->p[b->n++] = (char)c;
        else {
            b->p[b->n++] = '%';
            b->p[b->n++] = hex[c >> 4];
            b->p[b->n++] = hex[c & 15];
        }
    }
    b->p[b->n] = 0;
}
static size_t urldecode(char *d, const char *s, size_t n) {
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%' && i + 2 < n) {
            char h[3] = {s[i + 1], s[i + 2], 0};
            d[o++] = (char)strtol(h, NULL, 16);
            i += 2;
        } else if (s[i] == '+')
            d[o++] = ' ';
        else
            d[o++] = s[i];
    }
    d[o] = 0;
    return o;
}
static void bbase64url(Buf *b, const void *data, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *s = data;
    uint32_t bits = 0;
    int have = 0;
    breserve(b, n * 4 / 3 + 1);
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | s[i];
        for (have += 8; have >= 6; have -= 6) b->p[b->n++] = digits[bits >> (have - 6) & 63];
    }
    if (have) b->p[b->n++] = digits[bits << (6 - have) & 63];
    b->p[b->n] = 0;
}
/* decode the HTML character references that appear in attribute values */
static size_t htmldecode(char *s, size_t n) {
    static const struct { const char *e; char c; } T[] = {
        {"&amp;", '&'}, {"&quot;", '"'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&apos;", '\''}};
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        if (s[i] == '&') {
            bool hit = false;
            for (size_t k = 0; k < sizeof T / sizeof *T; k++) {
                size_t l = strlen(T[k].e);
                if (i + l <= n && !memcmp(s + i, T[k].e, l)) {
                    s[o++] = T[k].c;
                    i += l;
                    hit = true;
                    break;
                }
            }
            if (!hit && i + 3 < n && s[i + 1] == '#') {
                char *end;
                long v = (s[i + 2] == 'x' || s[i + 2] == 'X') ? strtol(s + i + 3, &end, 16)
                                                              : strtol(s + i + 2, &end, 10);
                if (*end == ';' && v > 0 && v < 128) {
                    s[o++] = (char)v;
                    i = (size_t)(end - s) + 1;
                    hit = true;
                }
            }
            if (hit) continue;
        }
        s[o++] = s[i++];
    }
    s[o] = 0;
    return o;
}

/* ------------------------------------------------- variables and templates */
static char *vname[MAXV];
static int nvar;
static int var_id(const char *n, size_t l) {
    for (int i = 0; i < nvar; i++)
        if (strlen(vname[i]) == l && !memcmp(vname[i], n, l)) return i;
    if (nvar == MAXV) die("too many variables");
    vname[nvar] = xstrndup(n, l);
    return nvar++;
}
/* {{name}} a variable, {{name|u}} it URL-encoded, {{name|h}} its SHA-256 in base64url, {{rand}} 96 random bits,
 * {{now}} and {{now+60}} seconds since 1970; the name of a JWT signs a fresh one */
enum { LITERAL, VAR, URLENCODED, HASHED, RANDOM, NOW, JWT };
typedef struct { int kind; char *s; size_t n; int v; } Seg;
typedef struct { Seg *seg; int n; bool set; } Tpl;
typedef struct { char *name, *head; EVP_PKEY *key; Tpl claims; } Jwt;
static Jwt jwts[MAXJWT];
static int njwt;
static Seg seg_of(const char *name, size_t n) {
    if (n == 4 && !memcmp(name, "rand", 4)) return (Seg){.kind = RANDOM};
    if (n >= 3 && !memcmp(name, "now", 3) && (n == 3 || name[3] == '+')) return (Seg){.kind = NOW, .v = n > 3 ? atoi(name + 4) : 0};
    for (int i = 0; i < njwt; i++)
        if (strlen(jwts[i].name) == n && !memcmp(jwts[i].name, name, n)) return (Seg){.kind = JWT, .v = i};
    if (n > 2 && !memcmp(name + n - 2, "|u", 2)) return (Seg){.kind = URLENCODED, .v = var_id(name, n - 2)};
    if (n > 2 && !memcmp(name + n - 2, "|h", 2)) return (Seg){.kind = HASHED, .v = var_id(name, n - 2)};
    return (Seg){.kind = VAR, .v = var_id(name, n)};
}
static Tpl tpl_compile(const char *s) {
    Tpl t = {0};
    t.set = true;
    while (*s) {
        const char *o = strstr(s, "{{");
        size_t lit = o ? (size_t)(o - s) : strlen(s);
        if (lit) {
            t.seg = xrealloc(t.seg, (size_t)(t.n + 1) * sizeof(Seg));
            t.seg[t.n++] = (Seg){LITERAL, xstrndup(s, lit), lit, 0};
        }
        if (!o) break;
        const char *e = strstr(o, "}}");
        if (!e) die("unterminated {{ in template");
        t.seg = xrealloc(t.seg, (size_t)(t.n + 1) * sizeof(Seg));
        t.seg[t.n++] = seg_of(o + 2, (size_t)(e - o - 2));
        s = e + 2;
    }
    return t;
}

/* --------------------------------------------------------------- the plan */
typedef struct { char *name; Tpl val; } SetField;
typedef struct {
    bool on_url;             /* match against the current URL, else the body */
    char *match;
    SetField set[MAXSET];
    int nset;
    Tpl action;              /* override of the form's action */
    Tpl body;                /* raw body instead of a form */
    char *ctype, *method;
    Tpl then;                /* GET this after a 2xx answer to the submission */
    struct { int var; char *pre, *suf; bool query; } grab[6];
    int ngrab;
    char *hdr;
    uint64_t used;
} Rule;
typedef struct { int var; int kind; /* 0 json 1 locparam */ char *key; } Capture;
typedef struct {
    int type; /* 0 req 1 nav 2 clear-cookies */
    char *name, *method;
    Tpl path, body;
    Tpl hdr[8];
    int nhdr;
    int expect[6], nexpect;
    char *must;
    Capture cap[8];
    int ncap;
    bool cookies;
    char *done; /* nav: prefix of the redirect_uri */
    Rule rule[MAXRULE];
    int nrule;
} Step;
static Step steps[2][MAXSTEP];
static int nsteps[2];
static char *host, *hosthdr, *origins[MAXORIGIN], *common_hdr = "";
static int norigin, port, nconn = 1, once, nslot;
static double duration = 5, warmup = 1, prelude_timeout = 120;
static char ***rows; /* rows[i] = values; names in rowvar */
static int nrows, rowvar[16], nrowvar;

/* ------------------------------------------------------------- histograms */
typedef struct { uint64_t c[4096]; uint64_t n, max; double sum; } Hist;
static int hidx(uint64_t us) {
    if (us < 256) return (int)us;
    int e = 63 - __builtin_clzll(us); /* >= 8 */
    int i = 256 + (e - 8) * 128 + (int)((us >> (e - 7)) & 127);
    return i < 4095 ? i : 4095;
}
static double hval(int i) {
    if (i < 256) return i;
    int e = (i - 256) / 128 + 8, f = (i - 256) % 128;
    return (double)(((uint64_t)(128 + f)) << (e - 7)) + 0.5 * (double)(1ull << (e - 7));
}
static void hadd(Hist *h, uint64_t us) {
    h->c[hidx(us)]++;
    h->n++;
    h->sum += (double)us;
    if (us > h->max) h->max = us;
}
static double hpct(const Hist *h, double p) {
    uint64_t want = (uint64_t)((double)h->n * p), acc = 0;
    for (int i = 0; i < 4096; i++) {
        acc += h->c[i];
        if (acc > want) return hval(i) > (double)h->max ? (double)h->max : hval(i);
    }
    return (double)h->max;
}

/* ------------------------------------------------------------------- VUs */
typedef struct { char *name, *val, *path; } Cookie;
typedef struct { char *p; size_t n; } Val;
typedef struct {
    int id, fd;
    int phase; /* 0 prelude 1 waiting at the barrier 2 loop 3 finished */
    int step, hops, slot;
    Val var[MAXV];
    Val *own; /* hop by hop: what each flow captured itself, MAXV a slot; NULL otherwise */
    Cookie jar[MAXCOOKIE];
    int njar;
    char *cur; /* path of the request in flight, without origin */
    Rule *rule; /* form rule whose submission is in flight */
    Buf out, in;
    size_t body_at;
    uint64_t t_flow, t_step;
    bool fresh; /* nothing answered yet on this connection */
    bool again; /* the step is made once more, with a new DPoP nonce */
} VU;
static VU *vus;
static int ep;
static Hist hflow, hstep[MAXSTEP];
static uint64_t n_req, n_flow, n_err, n_reconn, n_bytes, n_err_all, n_reconn_all;
static bool measuring;
static uint64_t rng = 88172645463325252ull;
static char *errsample[5];
static int nerrsample;

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000ull + (uint64_t)t.tv_nsec / 1000;
}
static uint64_t xorshift(void) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}
static void keep(Val *val, const char *s, size_t n) {
    val->p = xrealloc(val->p, n + 1);
    memcpy(val->p, s, n);
    val->p[n] = 0;
    val->n = n;
}
static void setvar(VU *v, int id, const char *s, size_t n) {
    keep(v->phase == 2 && v->own ? &v->own[v->slot * MAXV + id] : &v->var[id], s, n);
}
static const Val *getvar(const VU *v, int id) {
    const Val *own = v->phase == 2 && v->own ? &v->own[v->slot * MAXV + id] : NULL;
    return own && own->p ? own : &v->var[id];
}
static void bjwt(Buf *b, const Jwt *j, VU *v);
static void tpl_put(Buf *b, const Tpl *t, VU *v) {
    for (int i = 0; i < t->n; i++) {
        const Seg *s = &t->seg[i];
        const Val *val = s->kind == VAR || s->kind == URLENCODED || s->kind == HASHED ? getvar(v, s->v) : NULL;
        char r[40];
        unsigned char digest[32];
        switch (s->kind) {
        case LITERAL: badd(b, s->s, s->n); break;
        case VAR: badd(b, val->p, val->n); break;
        case URLENCODED: burl(b, val->p, val->n); break;
        case HASHED:
            if (EVP_Digest(val->p, val->n, digest, NULL, EVP_sha256(), NULL) != 1) die("SHA-256 failed");
            bbase64url(b, digest, sizeof digest);
            break;
        case RANDOM:
            snprintf(r, sizeof r, "%016llx%08llx", (unsigned long long)xorshift(), (unsigned long long)(xorshift() & 0xffffffff));
            bstr(b, r);
            break;
        case NOW:
            snprintf(r, sizeof r, "%lld", (long long)time(NULL) + s->v);
            bstr(b, r);
            break;
        case JWT: bjwt(b, &jwts[s->v], v); break;
        }
    }
}
/* RFC 7515 5.1 with ES256: r and s side by side (RFC 7518 3.4) in the place of what OpenSSL gives */
static void bjwt(Buf *b, const Jwt *j, VU *v) {
    static EVP_MD_CTX *ctx;
    static Buf claims;
    unsigned char der[80], raw[64];
    size_t at = b->n, n = sizeof der;
    claims.n = 0;
    tpl_put(&claims, &j->claims, v);
    bstr(b, j->head);
    bstr(b, ".");
    bbase64url(b, claims.p, claims.n);
    if (!ctx) ctx = EVP_MD_CTX_new();
    else EVP_MD_CTX_reset(ctx);
    if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, j->key) != 1 ||
        EVP_DigestSign(ctx, der, &n, (const unsigned char *)b->p + at, b->n - at) != 1)
        die("the JWT %s cannot be signed", j->name);
    const unsigned char *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) != 32 || BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) != 32)
        die("the key of the JWT %s is not of P-256", j->name);
    ECDSA_SIG_free(sig);
    bstr(b, ".");
    bbase64url(b, raw, sizeof raw);
}
static EVP_PKEY *read_key(const char *pem) {
    BIO *in = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    if (!key) die("plan: `key` is no private key in PEM");
    BIO_free(in);
    return key;
}

static void vu_close(VU *v) {
    if (v->fd >= 0) close(v->fd);
    v->fd = -1;
}
static void vu_connect(VU *v) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    for (int try = 0;; try++) {
        v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (v->fd < 0) die("socket: %s", strerror(errno));
        if (!connect(v->fd, (struct sockaddr *)&a, sizeof a)) break;
        close(v->fd);
        if (try > 200) die("connect %s:%d: %s", host, port, strerror(errno));
        usleep(5000);
    }
    int one = 1;
    setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(v->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};
    epoll_ctl(ep, EPOLL_CTL_ADD, v->fd, &e);
    v->fresh = true;
}
static bool vu_write(VU *v) {
    size_t off = 0;
    while (off < v->out.n) {
        ssize_t w = send(v->fd, v->out.p + off, v->out.n - off, MSG_NOSIGNAL);
        if (w > 0) { off += (size_t)w; continue; }
        if (w < 0 && errno == EAGAIN) {
            struct pollfd p = {v->fd, POLLOUT, 0};
            poll(&p, 1, 1000);
            continue;
        }
        return false;
    }
    return true;
}
static void vu_send(VU *v) {
    v->in.n = 0;
    if (v->fd < 0) vu_connect(v);
    if (!vu_write(v)) { /* the server closed the idle connection: once more */
        vu_close(v);
        n_reconn_all++;
        if (measuring) n_reconn++;
        vu_connect(v);
        if (!vu_write(v)) die("write failed twice");
    }
}

/* --------------------------------------------------------------- cookies */
static void jar_clear(VU *v) {
    for (int i = 0; i < v->njar; i++) {
        free(v->jar[i].name);
        free(v->jar[i].val);
        free(v->jar[i].path);
    }
    v->njar = 0;
}
static void jar_set(VU *v, const char *s, size_t n) {
    const char *end = s + n, *semi = memchr(s, ';', n);
    const char *nv_end = semi ? semi : end;
    const char *eq = memchr(s, '=', (size_t)(nv_end - s));
    if (!eq) return;
    char path[512] = "";
    bool del = false;
    for (const char *p = semi; p && p < end;) {
        p++;
        while (p < end && *p == ' ') p++;
        const char *q = memchr(p, ';', (size_t)(end - p));
        if (!q) q = end;
        if (!strncasecmp(p, "path=", 5)) {
            size_t l = (size_t)(q - p - 5);
            if (l >= sizeof path) l = sizeof path - 1;
            memcpy(path, p + 5, l);
            path[l] = 0;
        } else if (!strncasecmp(p, "max-age=", 8)) {
            if (atol(p + 8) <= 0) del = true;
        } else if (!strncasecmp(p, "expires=", 8)) {
            if (memmem(p, (size_t)(q - p), "1970", 4)) del = true;
        }
        p = q < end ? q : NULL;
    }
    if (path[0] != '/') { /* default-path of RFC 6265 5.1.4 */
        const char *c = v->cur ? v->cur : "/";
        size_t l = strcspn(c, "?");
        while (l > 1 && c[l - 1] != '/') l--;
        if (l > 1) l--;
        if (l >= sizeof path) l = 1;
        memcpy(path, c, l);
        path[l] = 0;
    }
    size_t nl = (size_t)(eq - s);
    int at = -1;
    for (int i = 0; i < v->njar; i++)
        if (strlen(v->jar[i].name) == nl && !memcmp(v->jar[i].name, s, nl) && !strcmp(v->jar[i].path, path)) at = i;
    if (del) {
        if (at >= 0) {
            free(v->jar[at].name);
            free(v->jar[at].val);
            free(v->jar[at].path);
            v->jar[at] = v->jar[--v->njar];
        }
        return;
    }
    if (at < 0) {
        if (v->njar == MAXCOOKIE) die("cookie jar full");
        at = v->njar++;
        v->jar[at].name = xstrndup(s, nl);
        v->jar[at].path = xstrdup(path);
    } else
        free(v->jar[at].val);
    v->jar[at].val = xstrndup(eq + 1, (size_t)(nv_end - eq - 1));
}
static void jar_put(VU *v, Buf *b, const char *path) {
    bool first = true;
    for (int i = 0; i < v->njar; i++) {
        const char *cp = v->jar[i].path;
        size_t l = strlen(cp);
        if (strncmp(path, cp, l)) continue;
        if (l && cp[l - 1] != '/' && path[l] && path[l] != '/' && path[l] != '?') continue;
        bstr(b, first ? "Cookie: " : "; ");
        first = false;
        bstr(b, v->jar[i].name);
        bstr(b, "=");
        bstr(b, v->jar[i].val);
    }
    if (!first) bstr(b, "\r\n");
}

/* --------------------------------------------------------------- requests */
static void emit(VU *v, const char *method, const char *path, const char *hdrs, const char *ctype,
                 const char *body, size_t blen, bool cookies) {
    char *np = xstrdup(path);
    free(v->cur);
    v->cur = np;
    Buf *b = &v->out;
    b->n = 0;
    bstr(b, method);
    bstr(b, " ");
    size_t frag = strcspn(np, "#");
    badd(b, np, frag);
    bstr(b, " HTTP/1.1\r\nHost: ");
    bstr(b, hosthdr);
    bstr(b, "\r\n");
    bstr(b, common_hdr);
    if (hdrs) bstr(b, hdrs);
    if (cookies) jar_put(v, b, np);
    if (body) {
        char t[160];
        if (ctype) {
            bstr(b, "Content-Type: ");
            bstr(b, ctype);
            bstr(b, "\r\n");
        }
        snprintf(t, sizeof t, "Content-Length: %zu\r\n", blen);
        bstr(b, t);
    }
    bstr(b, "\r\n");
    if (body) badd(b, body, blen);
    if (measuring) n_req++;
    vu_send(v);
}

static void step_start(VU *v), step_send(VU *v);
static void fail(VU *v, const char *why, int status, const char *p, size_t n) {
    n_err_all++;
    if (measuring) n_err++;
    Step *s = &steps[v->phase == 0 ? 0 : 1][v->step];
    if (nerrsample < 5) {
        Buf b = {0};
        bstr(&b, s->name);
        bstr(&b, ": ");
        bstr(&b, why);
        char t[64];
        snprintf(t, sizeof t, " (status %d) at ", status);
        bstr(&b, t);
        bstr(&b, v->cur ? v->cur : "?");
        bstr(&b, "\n--- request\n");
        badd(&b, v->out.p, v->out.n);
        bstr(&b, "\n--- answer\n");
        badd(&b, p ? p : "", n > 1500 ? 1500 : n);
        errsample[nerrsample++] = b.p;
    }
    if (once || (v->phase == 0 && n_err_all > 5) || n_err_all > 500 || (v->phase == 2 && v->own)) { /* a hop has nothing to go back to */
        for (int i = 0; i < (nerrsample < 2 ? nerrsample : 2); i++) fprintf(stderr, "---- error %d: %s\n", i, errsample[i]);
        die("too many errors (%llu)", (unsigned long long)n_err_all);
    }
    vu_close(v);
    jar_clear(v);
    v->step = 0;
    v->phase = nsteps[0] ? 0 : 2; /* a VU that failed works through its prelude again */
    v->rule = NULL;
    step_start(v);
}

static int waiting, prelude_done_all;
static uint64_t t_end;
static void step_done(VU *v) {
    uint64_t t = now_us();
    if (v->phase == 2 && measuring) hadd(&hstep[v->step], t - v->t_step);
    if (v->phase == 2 && v->own) {
        if (++v->slot < nslot) step_start(v);
        else { /* `stage_end` goes on with all together */
            v->phase = 1;
            waiting++;
        }
        return;
    }
    v->step++;
    int ph = v->phase == 0 ? 0 : 1;
    if (v->step >= nsteps[ph]) {
        v->step = 0;
        if (v->phase == 0) {
            if (!prelude_done_all) {
                v->phase = 1;
                waiting++;
                return;
            }
            v->phase = 2;
        } else {
            if (measuring) {
                hadd(&hflow, t - v->t_flow);
                n_flow++;
            }
            if (once) {
                v->phase = 3;
                return;
            }
        }
    }
    step_start(v);
}

static void step_start(VU *v) {
    for (;;) {
        int ph = v->phase == 0 ? 0 : 1;
        Step *s = &steps[ph][v->step];
        v->t_step = now_us();
        if (v->step == 0) v->t_flow = v->t_step;
        v->hops = 0;
        v->rule = NULL;
        v->again = false;
        if (s->type == 2) {
            jar_clear(v);
            if (v->step + 1 >= nsteps[ph]) { step_done(v); return; }
            v->step++;
            uint64_t begun = v->t_flow;
            s = &steps[ph][v->step];
            v->t_flow = begun;
            if (s->type == 2) continue;
        }
        step_send(v);
        return;
    }
}
static void step_send(VU *v) {
    static Buf path, hdr, body; /* single-threaded */
    Step *s = &steps[v->phase == 0 ? 0 : 1][v->step];
    path.n = hdr.n = body.n = 0;
    tpl_put(&path, &s->path, v);
    for (int i = 0; i < s->nhdr; i++) {
        tpl_put(&hdr, &s->hdr[i], v);
        bstr(&hdr, "\r\n");
    }
    if (s->type == 1) {
        emit(v, "GET", path.p, hdr.n ? hdr.p : NULL, NULL, NULL, 0, true);
        return;
    }
    if (s->body.set) tpl_put(&body, &s->body, v);
    emit(v, s->method, path.p, hdr.n ? hdr.p : NULL, NULL, s->body.set ? (body.p ? body.p : "") : NULL, body.n,
         s->cookies);
}

/* ------------------------------------------------------------- responses */
typedef struct { int status; char *hdr; size_t hlen; char *body; size_t blen; bool close; char *loc; size_t loclen; bool nonce; } Resp;

static char *ci_mem(char *h, size_t n, const char *needle) {
    size_t l = strlen(needle);
    for (size_t i = 0; i + l <= n; i++)
        if (!strncasecmp(h + i, needle, l)) return h + i;
    return NULL;
}
/* find name="value" inside one tag */
static bool attr(const char *tag, size_t n, const char *name, char *out, size_t outn) {
    size_t l = strlen(name);
    for (size_t i = 1; i + l < n; i++) {
        if (strncasecmp(tag + i, name, l)) continue;
        char before = tag[i - 1];
        if (before != ' ' && before != '\n' && before != '\t' && before != '\r' && before != '"' && before != '\'') continue;
        size_t j = i + l;
        while (j < n && tag[j] == ' ') j++;
        if (j >= n || tag[j] != '=') continue;
        j++;
        while (j < n && tag[j] == ' ') j++;
        char q = (tag[j] == '"' || tag[j] == '\'') ? tag[j] : 0;
        if (q) j++;
        size_t k = j;
        while (k < n && (q ? tag[k] != q : (tag[k] != ' ' && tag[k] != '>'))) k++;
        size_t m = k - j < outn - 1 ? k - j : outn - 1;
        memcpy(out, tag + j, m);
        out[m] = 0;
        htmldecode(out, m);
        return true;
    }
    return false;
}
static void param_of(VU *v, int var, const char *url, size_t n, const char *key) {
    size_t kl = strlen(key);
    const char *end = url + n;
    for (const char *p = url; p < end; p++) {
        if ((*p == '?' || *p == '&' || *p == '#') && (size_t)(end - p) > kl + 1 && !memcmp(p + 1, key, kl) && p[kl + 1] == '=') {
            const char *a = p + kl + 2, *e = a;
            while (e < end && *e != '&' && *e != '#') e++;
            char *d = xrealloc(NULL, (size_t)(e - a) + 1);
            size_t m = urldecode(d, a, (size_t)(e - a));
            setvar(v, var, d, m);
            free(d);
            return;
        }
    }
    setvar(v, var, "", 0);
}
/* Location -> path on this server; NULL when it points elsewhere */
static char *resolve(VU *v, const char *loc, size_t n) {
    if (n >= 7 && (!strncasecmp(loc, "http://", 7) || !strncasecmp(loc, "https://", 8))) {
        for (int i = 0; i < norigin; i++) {
            size_t l = strlen(origins[i]);
            if (n >= l && !strncasecmp(loc, origins[i], l) && (n == l || loc[l] == '/' || loc[l] == '?' || loc[l] == '#'))
                return n == l ? xstrdup("/") : loc[l] == '/' ? xstrndup(loc + l, n - l) : NULL;
        }
        return NULL;
    }
    if (n && loc[0] == '/') return xstrndup(loc, n);
    const char *c = v->cur;
    size_t base = strcspn(c, "?#");
    if (n == 0 || loc[0] == '?') {
        Buf b = {0};
        badd(&b, c, n == 0 ? strlen(c) : base);
        badd(&b, loc, n);
        return b.p;
    }
    while (base > 0 && c[base - 1] != '/') base--;
    if (n > 2 && !memcmp(loc, "./", 2)) { loc += 2; n -= 2; }
    Buf b = {0};
    badd(&b, c, base);
    badd(&b, loc, n);
    return b.p;
}
static bool json_str(VU *v, int var, const char *body, size_t n, const char *key) {
    char pat[128];
    int pl = snprintf(pat, sizeof pat, "\"%s\"", key);
    const char *p = body, *end = body + n;
    while ((p = memmem(p, (size_t)(end - p), pat, (size_t)pl))) {
        p += pl;
        while (p < end && (*p == ' ' || *p == '\n')) p++;
        if (p < end && *p == ':') {
            p++;
            while (p < end && (*p == ' ' || *p == '\n')) p++;
            if (p < end && *p == '"') {
                const char *a = ++p;
                Buf b = {0};
                while (p < end && *p != '"') {
                    if (*p == '\\' && p + 1 < end) {
                        badd(&b, a, (size_t)(p - a));
                        p++;
                        badd(&b, p, 1);
                        p++;
                        a = p;
                        continue;
                    }
                    p++;
                }
                badd(&b, a, (size_t)(p - a));
                setvar(v, var, b.p, b.n);
                free(b.p);
                return true;
            }
        }
    }
    return false;
}

static void submit(VU *v, Rule *r, char *body, size_t blen) {
    static Buf out, act, hdr;
    out.n = act.n = hdr.n = 0;
    for (int i = 0; i < r->ngrab; i++) {
        if (r->grab[i].query) { param_of(v, r->grab[i].var, v->cur, strlen(v->cur), r->grab[i].pre); continue; }
        char *a = memmem(body, blen, r->grab[i].pre, strlen(r->grab[i].pre));
        if (!a) continue;
        a += strlen(r->grab[i].pre);
        char *e = memmem(a, blen - (size_t)(a - body), r->grab[i].suf, strlen(r->grab[i].suf));
        if (e) {
            char *d = xstrndup(a, (size_t)(e - a));
            size_t m = htmldecode(d, (size_t)(e - a));
            setvar(v, r->grab[i].var, d, m);
            free(d);
        }
    }
    if (r->hdr) { bstr(&hdr, r->hdr); bstr(&hdr, "\r\n"); }
    v->rule = r;
    r->used++;
    const char *method = r->method ? r->method : "POST";
    if (r->body.set) {
        tpl_put(&out, &r->body, v);
        tpl_put(&act, &r->action, v);
        emit(v, method, act.p, hdr.n ? hdr.p : NULL, r->ctype, out.p ? out.p : "", out.n, true);
        return;
    }
    /* the form that holds the match, else the first one */
    char *form = NULL, *fend = NULL;
    for (char *p = body; (p = ci_mem(p, blen - (size_t)(p - body), "<form"));) {
        char *e = ci_mem(p, blen - (size_t)(p - body), "</form");
        if (!e) e = body + blen;
        if (!form) { form = p; fend = e; }
        if (!r->on_url && memmem(p, (size_t)(e - p), r->match, strlen(r->match))) { form = p; fend = e; break; }
        p = e;
        if (p >= body + blen) break;
    }
    static char val[65536], name[512], type[64], actbuf[16384];
    actbuf[0] = 0;
    if (form) {
        char *gt = memchr(form, '>', (size_t)(fend - form));
        if (gt) attr(form, (size_t)(gt - form), "action", actbuf, sizeof actbuf);
        for (char *p = form; (p = ci_mem(p, (size_t)(fend - p), "<input"));) {
            char *e = memchr(p, '>', (size_t)(fend - p));
            if (!e) break;
            size_t n = (size_t)(e - p);
            if (attr(p, n, "name", name, sizeof name) && attr(p, n, "type", type, sizeof type) && !strcasecmp(type, "hidden")) {
                bool over = false;
                for (int i = 0; i < r->nset; i++) over |= !strcmp(r->set[i].name, name);
                if (!over) {
                    if (!attr(p, n, "value", val, sizeof val)) val[0] = 0;
                    if (out.n) bstr(&out, "&");
                    burl(&out, name, strlen(name));
                    bstr(&out, "=");
                    burl(&out, val, strlen(val));
                }
            }
            p = e;
        }
    }
    for (int i = 0; i < r->nset; i++) {
        static Buf t;
        t.n = 0;
        tpl_put(&t, &r->set[i].val, v);
        if (out.n) bstr(&out, "&");
        burl(&out, r->set[i].name, strlen(r->set[i].name));
        bstr(&out, "=");
        burl(&out, t.n ? t.p : "", t.n);
    }
    char *dest;
    if (r->action.set) { tpl_put(&act, &r->action, v); dest = xstrdup(act.p); }
    else dest = resolve(v, actbuf, strlen(actbuf));
    if (!dest) { fail(v, "form posts to another origin", 200, body, blen); return; }
    emit(v, method, dest, hdr.n ? hdr.p : NULL, "application/x-www-form-urlencoded", out.p ? out.p : "", out.n, true);
    free(dest);
}

static void on_response(VU *v, Resp *r) {
    Step *s = &steps[v->phase == 0 ? 0 : 1][v->step];
    if (r->close) {
        vu_close(v);
        n_reconn_all++;
        if (measuring) n_reconn++;
    }
    v->fresh = false;
    if (s->type == 0) {
        if ((r->status == 400 || r->status == 401) && r->nonce && !v->again &&
            memmem(r->hdr, r->hlen + r->blen, "use_dpop_nonce", 14)) { /* RFC 9449 8: the same once more, with that nonce */
            v->again = true;
            step_send(v);
            return;
        }
        bool ok = s->nexpect == 0 && r->status == 200;
        for (int i = 0; i < s->nexpect; i++) ok |= s->expect[i] == r->status;
        if (!ok) { fail(v, "unexpected status", r->status, r->hdr, r->hlen + r->blen); return; }
        if (s->must && !memmem(r->body, r->blen, s->must, strlen(s->must))) { fail(v, "body lacks the required text", r->status, r->hdr, r->hlen + r->blen); return; }
        for (int i = 0; i < s->ncap; i++) {
            if (s->cap[i].kind == 0) {
                if (!json_str(v, s->cap[i].var, r->body, r->blen, s->cap[i].key)) { fail(v, "JSON lacks a captured key", r->status, r->hdr, r->hlen + r->blen); return; }
            } else
                param_of(v, s->cap[i].var, r->loc ? r->loc : "", r->loclen, s->cap[i].key);
        }
        step_done(v);
        return;
    }
    /* nav */
    if (++v->hops > MAXHOPS) { fail(v, "too many hops", r->status, r->hdr, r->hlen + r->blen); return; }
    if (r->status >= 300 && r->status < 400 && r->loc) {
        size_t dl = strlen(s->done);
        if (r->loclen >= dl && !memcmp(r->loc, s->done, dl)) {
            int c = var_id("code", 4);
            param_of(v, c, r->loc, r->loclen, "code");
            if (!getvar(v, c)->n) { fail(v, "redirect_uri without a code", r->status, r->loc, r->loclen); return; }
            for (int i = 0; i < s->ncap; i++) param_of(v, s->cap[i].var, r->loc, r->loclen, s->cap[i].key);
            step_done(v);
            return;
        }
        char *to = resolve(v, r->loc, r->loclen);
        if (!to) { fail(v, "redirect to another origin", r->status, r->hdr, r->hlen); return; }
        v->rule = NULL;
        emit(v, "GET", to, NULL, NULL, NULL, 0, true);
        free(to);
        return;
    }
    if (r->status == 200 || r->status == 201 || r->status == 204) {
        if (v->rule && v->rule->then.set) {
            static Buf t;
            t.n = 0;
            tpl_put(&t, &v->rule->then, v);
            v->rule = NULL;
            char *to = resolve(v, t.p, t.n);
            if (!to) { fail(v, "`then` leads to another origin", r->status, t.p, t.n); return; }
            emit(v, "GET", to, NULL, NULL, NULL, 0, true);
            free(to);
            return;
        }
        for (int i = 0; i < s->nrule; i++) {
            Rule *u = &s->rule[i];
            bool hit = u->on_url ? strstr(v->cur, u->match) != NULL : memmem(r->body, r->blen, u->match, strlen(u->match)) != NULL;
            if (hit) { submit(v, u, r->body, r->blen); return; }
        }
    }
    fail(v, "no redirect and no matching form", r->status, r->hdr, r->hlen + r->blen);
}

/* Parse what lies in v->in; returns true when one whole answer was handled. */
static bool parse(VU *v, bool eof) {
    char *p = v->in.p;
    size_t n = v->in.n;
    if (!n) return false;
    char *he = memmem(p, n, "\r\n\r\n", 4);
    if (!he) return false;
    size_t hlen = (size_t)(he - p) + 4;
    Resp r = {.hdr = p, .hlen = hlen, .body = p + hlen};
    if (n < 12 || memcmp(p, "HTTP/1.", 7)) die("not HTTP: %.60s", p);
    r.status = atoi(p + 9);
    if (r.status == 100) {
        memmove(p, p + hlen, n - hlen);
        v->in.n -= hlen;
        return parse(v, eof);
    }
    bool http10 = p[7] == '0', ka = false, chunked = false;
    long long cl = -1;
    struct { const char *s; size_t n; } sc[MAXCOOKIE];
    int nsc = 0;
    for (char *l = memchr(p, '\n', hlen) + 1; l < he + 2;) {
        char *e = memchr(l, '\r', (size_t)(he + 2 - l));
        if (!e) break;
        size_t ln = (size_t)(e - l);
        switch (l[0] | 32) {
        case 'd':
            if (ln > 11 && !strncasecmp(l, "dpop-nonce:", 11)) {
                const char *nonce = l + 11 + strspn(l + 11, " ");
                keep(&v->var[var_id("dpop_nonce", 10)], nonce, (size_t)(e - nonce));
                r.nonce = true;
            }
            break;
        case 'c':
            if (ln > 15 && !strncasecmp(l, "content-length:", 15)) cl = atoll(l + 15);
            else if (ln > 11 && !strncasecmp(l, "connection:", 11)) {
                if (ci_mem(l + 11, ln - 11, "close")) r.close = true;
                if (ci_mem(l + 11, ln - 11, "keep-alive")) ka = true;
            }
            break;
        case 't':
            if (ln > 18 && !strncasecmp(l, "transfer-encoding:", 18) && ci_mem(l + 18, ln - 18, "chunked")) chunked = true;
            break;
        case 'l':
            if (ln > 9 && !strncasecmp(l, "location:", 9)) {
                r.loc = l + 9;
                r.loclen = ln - 9;
                while (r.loclen && *r.loc == ' ') { r.loc++; r.loclen--; }
            }
            break;
        case 's':
            if (ln > 11 && !strncasecmp(l, "set-cookie:", 11) && nsc < MAXCOOKIE) {
                const char *c = l + 11;
                size_t m = ln - 11;
                while (m && *c == ' ') { c++; m--; }
                sc[nsc].s = c;
                sc[nsc++].n = m;
            }
            break;
        }
        l = e + 2;
    }
    if (http10 && !ka) r.close = true;
    size_t have = n - hlen, total;
    if (r.status == 204 || r.status == 304)
        total = hlen;
    else if (chunked) {
        /* complete? */
        size_t o = 0;
        bool fin = false;
        while (o < have) {
            char *nl = memmem(r.body + o, have - o, "\r\n", 2);
            if (!nl) break;
            size_t sz = strtoull(r.body + o, NULL, 16);
            size_t data = (size_t)(nl - r.body) + 2;
            if (sz == 0) {
                if (data + 2 <= have) { o = data + 2; fin = true; }
                break;
            }
            if (data + sz + 2 > have) break;
            o = data + sz + 2;
        }
        if (!fin) { if (eof) die("connection ended inside a chunked body"); return false; }
        total = hlen + o;
        size_t w = 0;
        for (size_t q = 0;;) {
            char *nl = memmem(r.body + q, have - q, "\r\n", 2);
            size_t sz = strtoull(r.body + q, NULL, 16);
            if (!sz) break;
            size_t data = (size_t)(nl - r.body) + 2;
            memmove(r.body + w, r.body + data, sz);
            w += sz;
            q = data + sz + 2;
        }
        r.blen = w;
    } else if (cl >= 0) {
        if (have < (size_t)cl) return false;
        r.blen = (size_t)cl;
        total = hlen + (size_t)cl;
    } else {
        if (!eof) return false;
        r.blen = have;
        r.close = true;
        total = n;
    }
    for (int i = 0; i < nsc; i++) jar_set(v, sc[i].s, sc[i].n);
    if (measuring) n_bytes += total;
    if (eof) r.close = true;
    /* the handler may queue the next request, which resets v->in; hand it a stable copy only if pipelined data remains */
    if (total != n) die("unexpected bytes after an answer");
    on_response(v, &r);
    return true;
}

static void on_readable(VU *v) {
    for (;;) {
        breserve(&v->in, 16384);
        if (v->in.cap > RBUF_MAX) die("answer too large");
        ssize_t k = recv(v->fd, v->in.p + v->in.n, v->in.cap - v->in.n - 1, 0);
        if (k > 0) {
            v->in.n += (size_t)k;
            v->in.p[v->in.n] = 0;
            if (parse(v, false)) return;
            continue;
        }
        if (k < 0 && errno == EAGAIN) return;
        /* EOF or reset */
        if (v->phase == 1 || v->phase == 3) { vu_close(v); return; }
        if (v->in.n && parse(v, true)) return;
        if (v->in.n == 0 && !v->fresh) { /* idle keep-alive connection closed by the server: send again */
            vu_close(v);
            n_reconn_all++;
            if (measuring) n_reconn++;
            vu_connect(v);
            if (!vu_write(v)) die("write failed");
            return;
        }
        fail(v, "connection closed", 0, v->in.p, v->in.n);
        return;
    }
}

/* ------------------------------------------------------------ plan reader */
static char *unesc(char *s) {
    char *o = s, *r = s;
    for (; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
            *o++ = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s;
        } else
            *o++ = *s;
    }
    *o = 0;
    return r;
}
static void load(const char *file) {
    FILE *f = strcmp(file, "-") ? fopen(file, "r") : stdin;
    if (!f) die("%s: %s", file, strerror(errno));
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int ph = 1;
    Step *s = NULL;
    Rule *r = NULL;
    while ((n = getline(&line, &cap, f)) > 0) {
        while (n && (line[n - 1] == '\n')) line[--n] = 0;
        if (!n || line[0] == '#') continue;
        char *k = line, *a = strchr(line, ' ');
        if (a) *a++ = 0; else a = line + n;
        if (!strcmp(k, "row")) { /* row<space>v1<TAB>v2... (values escaped) */
            rows = xrealloc(rows, (size_t)(nrows + 1) * sizeof *rows);
            rows[nrows] = xrealloc(NULL, sizeof(char *) * 16);
            char *q = a;
            for (int i = 0; i < nrowvar; i++) {
                char *t = strchr(q, '\t');
                if (t) *t = 0;
                rows[nrows][i] = xstrdup(unesc(q));
                q = t ? t + 1 : q + strlen(q);
            }
            nrows++;
            continue;
        }
        a = unesc(a);
        if (!strcmp(k, "host")) host = xstrdup(a);
        else if (!strcmp(k, "hosthdr")) hosthdr = xstrdup(a);
        else if (!strcmp(k, "port")) port = atoi(a);
        else if (!strcmp(k, "conns")) nconn = atoi(a);
        else if (!strcmp(k, "duration")) duration = atof(a);
        else if (!strcmp(k, "warmup")) warmup = atof(a);
        else if (!strcmp(k, "once")) once = 1;
        else if (!strcmp(k, "slots")) nslot = atoi(a);
        else if (!strcmp(k, "jwt")) { /* jwt NAME, before the steps; then its key, head and claims */
            if (njwt == MAXJWT) die("too many JWTs");
            jwts[njwt++].name = xstrdup(a);
        } else if (njwt && !strcmp(k, "key")) jwts[njwt - 1].key = read_key(a);
        else if (njwt && !strcmp(k, "head")) {
            Buf head = {0};
            bbase64url(&head, a, strlen(a));
            jwts[njwt - 1].head = head.p;
        } else if (njwt && !strcmp(k, "claims")) jwts[njwt - 1].claims = tpl_compile(a);
        else if (!strcmp(k, "prelude_timeout")) prelude_timeout = atof(a);
        else if (!strcmp(k, "common")) common_hdr = xstrdup(a);
        else if (!strcmp(k, "origin")) { if (norigin == MAXORIGIN) die("origins"); origins[norigin++] = xstrdup(a); }
        else if (!strcmp(k, "rowvars")) {
            for (char *t = strtok(a, ","); t; t = strtok(NULL, ",")) rowvar[nrowvar++] = var_id(t, strlen(t));
        } else if (!strcmp(k, "phase")) ph = !strcmp(a, "prelude") ? 0 : 1;
        else if (!strcmp(k, "req") || !strcmp(k, "nav") || !strcmp(k, "clear")) {
            if (nsteps[ph] == MAXSTEP) die("too many steps");
            s = &steps[ph][nsteps[ph]++];
            r = NULL;
            s->type = !strcmp(k, "req") ? 0 : !strcmp(k, "nav") ? 1 : 2;
            s->name = xstrdup(*a ? a : k);
            s->method = "GET";
            s->done = "";
        } else if (!s) die("plan: `%s` outside a step", k);
        else if (!strcmp(k, "method")) { if (r) r->method = xstrdup(a); else s->method = xstrdup(a); }
        else if (!strcmp(k, "path")) s->path = tpl_compile(a);
        else if (!strcmp(k, "header")) { if (r) r->hdr = xstrdup(a); else { if (s->nhdr == 8) die("headers"); s->hdr[s->nhdr++] = tpl_compile(a); } }
        else if (!strcmp(k, "body")) { if (r) r->body = tpl_compile(a); else s->body = tpl_compile(a); }
        else if (!strcmp(k, "cookies")) s->cookies = atoi(a);
        else if (!strcmp(k, "expect")) { for (char *t = strtok(a, ","); t && s->nexpect < 6; t = strtok(NULL, ",")) s->expect[s->nexpect++] = atoi(t); }
        else if (!strcmp(k, "must")) s->must = xstrdup(a);
        else if (!strcmp(k, "capture")) { /* capture VAR json|redirect KEY; of a `nav` always from where it ends */
            char *v = strtok(a, " "), *kind = strtok(NULL, " "), *key = strtok(NULL, " ");
            if (!key || s->ncap == 8) die("capture");
            s->cap[s->ncap++] = (Capture){var_id(v, strlen(v)), strcmp(kind, "json") != 0, xstrdup(key)};
        } else if (!strcmp(k, "done")) s->done = xstrdup(a);
        else if (!strcmp(k, "rule")) { /* rule body|url MATCH */
            if (s->nrule == MAXRULE) die("rules");
            r = &s->rule[s->nrule++];
            r->on_url = !strncmp(a, "url ", 4);
            r->match = xstrdup(strchr(a, ' ') + 1);
        } else if (r && !strcmp(k, "set")) { /* set NAME VALUE */
            char *sp = strchr(a, ' ');
            if (r->nset == MAXSET) die("sets");
            if (sp) *sp = 0;
            r->set[r->nset].name = xstrdup(a);
            r->set[r->nset++].val = tpl_compile(sp ? sp + 1 : "");
        } else if (r && !strcmp(k, "action")) r->action = tpl_compile(a);
        else if (r && !strcmp(k, "ctype")) r->ctype = xstrdup(a);
        else if (r && !strcmp(k, "then")) r->then = tpl_compile(a);
        else if (r && !strcmp(k, "grab")) { /* grab VAR PREFIX<TAB>SUFFIX */
            char *sp = strchr(a, ' '), *tab = sp ? strchr(sp + 1, '\t') : NULL;
            if (!tab || r->ngrab == 6) die("grab");
            *sp = *tab = 0;
            r->grab[r->ngrab].var = var_id(a, strlen(a));
            r->grab[r->ngrab].pre = xstrdup(sp + 1);
            r->grab[r->ngrab++].suf = xstrdup(tab + 1);
        } else if (r && !strcmp(k, "grabq")) { /* grabq VAR QUERYPARAM */
            char *sp = strchr(a, ' ');
            if (!sp || r->ngrab == 6) die("grabq");
            *sp = 0;
            r->grab[r->ngrab].var = var_id(a, strlen(a));
            r->grab[r->ngrab].query = true;
            r->grab[r->ngrab++].pre = xstrdup(sp + 1);
        } else die("plan: unknown word `%s`", k);
    }
    free(line);
    if (f != stdin) fclose(f);
}

static void json_out(FILE *o, const char *s, size_t n) {
    fputc('"', o);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\') fprintf(o, "\\%c", c);
        else if (c < 32 || c > 126) fprintf(o, "\\u%04x", c);
        else fputc(c, o);
    }
    fputc('"', o);
}
static void hist_out(FILE *o, const Hist *h) {
    fprintf(o, "{\"n\":%llu,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%llu}",
            (unsigned long long)h->n, h->n ? h->sum / (double)h->n : 0, hpct(h, .5), hpct(h, .9), hpct(h, .99), hpct(h, .999), (unsigned long long)h->max);
}

static struct rusage ru0, ru1;
static uint64_t t_begin;
static void measure_begin(void) {
    puts("MEASURE_BEGIN");
    fflush(stdout);
    getrusage(RUSAGE_SELF, &ru0);
    t_begin = now_us();
    t_end = t_begin + (uint64_t)(duration * 1e6);
    measuring = true;
}
static void all_start(int step) {
    waiting = 0;
    for (int i = 0; i < nconn; i++) {
        vus[i].phase = 2;
        vus[i].step = step;
        vus[i].slot = 0;
        step_start(&vus[i]);
    }
}
/* Hop by hop: all flows have made this step; false when that was the last of the measurement. */
static bool stage_end(int *stage, uint64_t t_warm) {
    if (measuring) {
        printf("STAGE %s\n", steps[1][*stage].name);
        fflush(stdout);
        while (getchar() != '\n' && !feof(stdin)) {}
    }
    *stage = (*stage + 1) % nsteps[1];
    if (*stage == 0) {
        if (measuring) n_flow += (uint64_t)nconn * (uint64_t)nslot;
        if (measuring && now_us() >= t_end) return false;
        if (!measuring && now_us() >= t_warm) measure_begin();
    }
    all_start(*stage);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 2) die("usage: opload PLAN");
    load(argv[1]);
    if (!host || !port || !nsteps[1]) die("plan lacks host, port or loop steps");
    for (int i = 0; i < njwt; i++)
        if (!jwts[i].key || !jwts[i].head || !jwts[i].claims.set) die("plan: the JWT %s lacks key, head or claims", jwts[i].name);
    if (once) nslot = 0;
    if (strncmp(host, "127.", 4)) die("loopback only: %s", host);
    if (!hosthdr) { hosthdr = xrealloc(NULL, 64); snprintf(hosthdr, 64, "%s:%d", host, port); }
    ep = epoll_create1(0);
    rng ^= (uint64_t)getpid() * 0x9E3779B97F4A7C15ull ^ now_us();
    var_id("code", 4);
    vus = calloc((size_t)nconn, sizeof *vus);
    for (int i = 0; i < nconn; i++) {
        VU *v = &vus[i];
        v->id = i;
        v->fd = -1;
        char t[16];
        int l = snprintf(t, sizeof t, "%d", i);
        setvar(v, var_id("vu", 2), t, (size_t)l);
        if (nrows)
            for (int k = 0; k < nrowvar; k++) setvar(v, rowvar[k], rows[i % nrows][k], strlen(rows[i % nrows][k]));
        v->phase = nsteps[0] ? 0 : 1;
        if (nslot) v->own = calloc((size_t)nslot * MAXV, sizeof *v->own);
    }
    uint64_t t0 = now_us(), t_warm = 0;
    int stage = 0;
    if (nsteps[0]) { for (int i = 0; i < nconn; i++) step_start(&vus[i]); }
    else waiting = nconn;
    struct epoll_event ev[256];
    for (;;) {
        uint64_t t = now_us();
        if (!prelude_done_all) {
            if (waiting == nconn) {
                prelude_done_all = 1;
                t_warm = t + (uint64_t)(warmup * 1e6);
                if (once) measuring = true;
                all_start(0);
            } else if ((double)(t - t0) > prelude_timeout * 1e6) {
                for (int i = 0; i < nerrsample; i++) fprintf(stderr, "---- error %d: %s\n", i, errsample[i]);
                die("prelude timed out: %d of %d VUs ready", waiting, nconn);
            }
        } else if (once) {
            int fin = 0;
            for (int i = 0; i < nconn; i++) fin += vus[i].phase == 3;
            if (fin == nconn || (double)(t - t0) > 60e6) break;
        } else if (nslot) {
            if (waiting == nconn && !stage_end(&stage, t_warm)) break;
        } else if (!t_begin) {
            if (t >= t_warm) measure_begin();
        } else if (t >= t_end)
            break;
        int k = epoll_wait(ep, ev, 256, 20);
        for (int i = 0; i < k; i++) {
            VU *v = ev[i].data.ptr;
            if (v->fd >= 0) on_readable(v);
        }
    }
    uint64_t t_fin = now_us();
    measuring = false;
    getrusage(RUSAGE_SELF, &ru1);
    if (!once) { puts("MEASURE_END"); fflush(stdout); }
    double wall = once ? 1 : (double)(t_fin - t_begin) / 1e6;
#define TV(x) ((double)(x).tv_sec + (double)(x).tv_usec / 1e6)
    double cu = TV(ru1.ru_utime) - TV(ru0.ru_utime), cs = TV(ru1.ru_stime) - TV(ru0.ru_stime);
    FILE *o = stdout;
    fprintf(o, "{\"conns\":%d,\"wall_s\":%.4f,\"flows\":%llu,\"flows_per_s\":%.2f,\"requests\":%llu,\"requests_per_s\":%.2f,\"errors\":%llu,\"errors_all\":%llu,\"reconnects\":%llu,\"bytes_in\":%llu,\"client_cpu_s\":%.4f,\"client_user_s\":%.4f,\"client_sys_s\":%.4f,\"flow\":",
            nconn, wall, (unsigned long long)n_flow, (double)n_flow / wall, (unsigned long long)n_req, (double)n_req / wall,
            (unsigned long long)n_err, (unsigned long long)n_err_all, (unsigned long long)n_reconn, (unsigned long long)n_bytes, cu + cs, cu, cs);
    hist_out(o, &hflow);
    fputs(",\"steps\":{", o);
    bool first = true;
    for (int i = 0; i < nsteps[1]; i++) {
        if (steps[1][i].type == 2) continue;
        fprintf(o, "%s\"%s\":", first ? "" : ",", steps[1][i].name);
        first = false;
        hist_out(o, &hstep[i]);
    }
    fputs("},\"form_rules_used\":{", o);
    first = true;
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < nsteps[p]; i++)
            for (int q = 0; q < steps[p][i].nrule; q++) {
                fprintf(o, "%s", first ? "" : ",");
                first = false;
                char kb[600];
                int kl = snprintf(kb, sizeof kb, "%s.%s:%s", p ? "loop" : "prelude", steps[p][i].name, steps[p][i].rule[q].match);
                json_out(o, kb, (size_t)(kl < (int)sizeof kb ? kl : (int)sizeof kb - 1));
                fprintf(o, ":%llu", (unsigned long long)steps[p][i].rule[q].used);
            }
    fputs("},\"error_samples\":[", o);
    for (int i = 0; i < nerrsample; i++) { if (i) fputc(',', o); json_out(o, errsample[i], strlen(errsample[i])); }
    fputs("]", o);
    if (once) {
        fputs(",\"vars\":{", o);
        first = true;
        for (int i = 0; i < nvar; i++)
            if (vus[0].var[i].p) {
                if (!first) fputc(',', o);
                first = false;
                json_out(o, vname[i], strlen(vname[i]));
                fputc(':', o);
                json_out(o, vus[0].var[i].p, vus[0].var[i].n);
            }
        fputs("}", o);
    }
    fputs("}\n", o);
    return 0;
}
