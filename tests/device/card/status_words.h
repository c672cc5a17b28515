/* Status words that this card answers (GPCS 2.3.1 11.1.3 and the error tables of each command). */
#ifndef CARD_STATUS_WORDS_H
#define CARD_STATUS_WORDS_H

/* clang-format off */
#define SW_CERTIFICATE_REFUSED 0x6600 /* Amd F table 7-13 */
#define SW_SUCCESS                     0x9000
#define SW_MORE_BYTES                  0x6100   /* low byte: how many, 00 for 256 or more (ISO 7816-4) */
#define SW_CHANNEL_ALREADY_CLOSED      0x6200
#define SW_PACKET_REFUSED              0x6200   /* ENVELOPE: the response packet says why */
#define SW_CUT                         0x62F1   /* TS 102 226: the answer, and the script with it */
#define SW_CARD_IS_LOCKED              0x6283   /* warning of SELECT */
#define SW_AUTHENTICATION_FAILED       0x6300
#define SW_TRIES_LEFT                  0x63C0   /* VERIFY: low digit */
#define SW_MORE_DATA                   0x6310   /* GET STATUS: ask for the next occurrences */
#define SW_MEMORY_FAILURE              0x6581
#define SW_WRONG_LENGTH                0x6700
#define SW_NO_CHANNEL                  0x6881
#define SW_NO_SECURE_MESSAGING         0x6882
#define SW_SECURITY_STATUS             0x6982
#define SW_KEYS_BLOCKED                0x6983   /* ISO 7816-4; what real cards answer is [memory] */
#define SW_PIN_BLOCKED                 0x6983   /* ISO 7816-4 */
#define SW_CONDITIONS_OF_USE           0x6985
#define SW_NO_FILE                     0x6986   /* none is selected */
#define SW_DEACTIVATED                 0x6283   /* SELECT of a file */
#define SW_WRONG_STRUCTURE             0x6981   /* of a file */
#define SW_INVALIDATED                 0x6984   /* TS 102 221 10.2.1.5 */
#define SW_NO_RECORD                   0x6A83
#define SW_FILE_EXISTS                 0x6A89   /* TS 102 222 */
#define SW_DIRECTORY_EXISTS            0x6A8A
#define SW_WRONG_DATA                  0x6A80
#define SW_FUNCTION_NOT_SUPPORTED      0x6A81
#define SW_NOT_FOUND                   0x6A82
#define SW_NO_MEMORY                   0x6A84
#define SW_WRONG_P1P2                  0x6A86
#define SW_NO_REFERENCED_DATA          0x6A88
#define SW_WRONG_OFFSET                0x6B00
#define SW_WRONG_LE                    0x6C00   /* low byte: the right Le (ISO 7816-4) */
#define SW_NO_INSTRUCTION              0x6D00
#define SW_TOOLKIT_BUSY                0x9300   /* TS 102 221 10.2.1.2 */
#define SW_NO_CLASS                    0x6E00
/* clang-format on */

#endif
