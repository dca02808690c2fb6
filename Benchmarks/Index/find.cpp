// The peer of index-benchmark: abseil's flat_hash_map from the same IDs to 16 bytes, random hits.
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
#include <time.h>

static double now() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static uint64_t state = 1;

static uint64_t draw(uint64_t limit) {
    state += 0x9E3779B97F4A7C15;
    uint64_t word = state;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB;
    word ^= word >> 31;
    return (uint64_t) (((unsigned __int128) word * limit) >> 64);
}

static std::string id(uint64_t number) {
    char text[16];
    snprintf(text, sizeof text, "ZY%09lu", (unsigned long) (number * 387420489 % 1000000000));
    return text;
}

static long anonymous() {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kibibytes = 0;
    while (fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %ld", &kibibytes);
    fclose(file);
    return kibibytes * 1024;
}

struct Card { uint64_t phone, rest; };

int main(int argc, char **argv) {
    uint64_t cards = argc > 1 ? strtoull(argv[1], nullptr, 10) : 1000000;
    long before = anonymous();
    absl::flat_hash_map<std::string, Card> map;
    map.reserve(cards);
    for (uint64_t number = 0; number < cards; number++)
        map.emplace(id(number), Card{971500000000 + number, 1700000000 + number});
    double bytes = double(anonymous() - before) / cards;
    const int draws = 4000000;
    std::vector<std::string> ids;
    for (int i = 0; i < draws; i++) ids.push_back(id(draw(cards)));
    uint64_t sum = 0;
    double start = now();
    for (auto &key : ids) {
        auto found = map.find(key);
        if (found != map.end()) sum += found->second.rest;
    }
    double nanos = (now() - start) / draws;
    printf("cards=%lu how=sized bytes=%.1f hit=%.1f sum=%lu\n", cards, bytes, nanos, sum);
}
