/* One network of leaky neurons, open loop: what plain C does on one core.

   The tick of docs/model.md for neurons that differ from the defaults in tau_mem only: rest and
   reset at 0, threshold 1. Sums are done in the same order, so compiled without contraction of
   products and sums the spikes are the same. Neurons are swept eight at a time over padded
   arrays, their spikes packed 64 to a word; then the synapses of those that fired are followed. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

/* Decay and add what arrives, which is then cleared, and a pulse of 1 where a bit says so;
   return a bit for each that fired. */
static inline uint64_t sweep8(double *v, const double *al, double *arriving, uint8_t pulses)
{
#if defined(__AVX512F__)
    __m512d one = _mm512_set1_pd(1.0), in = _mm512_load_pd(arriving);
    in = _mm512_mask_add_pd(in, pulses, in, one);
    __m512d x = _mm512_add_pd(_mm512_mul_pd(_mm512_load_pd(v), _mm512_load_pd(al)), in);
    __mmask8 fired = _mm512_cmp_pd_mask(x, one, _CMP_GE_OQ);
    _mm512_store_pd(v, _mm512_mask_mov_pd(x, fired, _mm512_setzero_pd()));
    _mm512_store_pd(arriving, _mm512_setzero_pd());
    return fired;
#elif defined(__AVX2__)
    uint64_t bits = 0;
    const __m256d one = _mm256_set1_pd(1.0);
    for (int half = 0; half < 8; half += 4) {
        const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
        __m256i hit = _mm256_and_si256(_mm256_set1_epi64x(pulses >> half), bit);
        __m256d pulse = _mm256_and_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(hit, bit)), one);
        __m256d in = _mm256_add_pd(_mm256_load_pd(arriving + half), pulse);
        __m256d x = _mm256_add_pd(
            _mm256_mul_pd(_mm256_load_pd(v + half), _mm256_load_pd(al + half)), in);
        __m256d fired = _mm256_cmp_pd(x, one, _CMP_GE_OQ);
        _mm256_store_pd(v + half, _mm256_andnot_pd(fired, x));
        _mm256_store_pd(arriving + half, _mm256_setzero_pd());
        bits |= (uint64_t)_mm256_movemask_pd(fired) << half;
    }
    return bits;
#else
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        double x = v[i] * al[i] + (arriving[i] + (pulses >> i & 1));
        uint64_t fired = x >= 1.0;
        v[i] = fired ? 0.0 : x;
        arriving[i] = 0.0;
        bits |= fired << i;
    }
    return bits;
#endif
}

typedef struct {
    double weight;
    uint32_t delay, post;
} Synapse;

/* Length of the delay ring, a power of two: a wrapped position needs no branch. */
static uint32_t rows_of(int32_t longest)
{
    uint32_t rows = 1;
    while (rows <= (uint32_t)longest) rows *= 2;
    return rows;
}

static void *zeroed(size_t bytes)
{
    bytes = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes ? bytes : 64);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

/* Run `ticks` ticks from rest and return the number of spikes, or -1 without memory.

   al: decay of each of n neurons. first: neuron j sends synapses first[j] .. first[j + 1] - 1.
   pulses: for each tick the pulses into neurons, a bit each, eight to a byte. */
int64_t run(int32_t n, const double *al, const int32_t *first, const int32_t *post,
            const int32_t *delay, const double *weight, int32_t longest, int64_t ticks,
            const uint8_t *pulses)
{
    const uint32_t padded = (n + 7) / 8 * 8, rows = rows_of(longest);
    const uint32_t words = (padded + 63) / 64;
    double *v = zeroed(padded * sizeof *v), *decay = zeroed(padded * sizeof *decay);
    double *ring = zeroed((size_t)rows * padded * sizeof *ring);
    Synapse *synapses = zeroed(first[n] * sizeof *synapses);
    uint64_t *fired = zeroed(words * sizeof *fired);
    int64_t spikes = -1;
    if (!v || !decay || !ring || !synapses || !fired) goto done;
    memcpy(decay, al, n * sizeof *decay);
    for (int32_t e = 0; e < first[n]; e++)
        synapses[e] = (Synapse){weight[e], delay[e], post[e]};

    spikes = 0;
    for (int64_t t = 0; t < ticks; t++) {
        double *row = ring + (t & (rows - 1)) * padded;
        const uint8_t *in = pulses + t * (padded / 8);
        for (uint32_t w = 0; w < words; w++) {
            uint32_t from = 64 * w, to = padded - from < 64 ? padded : from + 64;
            uint64_t bits = 0;
            for (uint32_t j = from; j < to; j += 8)
                bits |= sweep8(v + j, decay + j, row + j, in[j / 8]) << (j - from);
            fired[w] = bits;
        }
        for (uint32_t w = 0; w < words; w++) {
            spikes += __builtin_popcountll(fired[w]);
            for (uint64_t left = fired[w]; left; left &= left - 1) {
                uint32_t j = 64 * w + __builtin_ctzll(left);
                for (int32_t e = first[j]; e < first[j + 1]; e++) {
                    uint32_t at = ((uint32_t)t + synapses[e].delay) & (rows - 1);
                    ring[at * padded + synapses[e].post] += synapses[e].weight;
                }
            }
        }
    }

done:
    free(v);
    free(decay);
    free(ring);
    free(synapses);
    free(fired);
    return spikes;
}
